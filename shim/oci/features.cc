#include "core/oci/features.h"

#include "core/plan/mount_options.h"
#include "shim/oci/verb.h"

namespace holdfast {
namespace {

Result<int> run(const Globals&, const Arguments&) {
  oci::Features features = oci::our_features();
  features.mount_options = known_mount_options();
  HF_DO(print(oci::encode_features(features, json::Layout::kPretty) + "\n"));
  return 0;
}

}  // namespace

const Verb kFeaturesVerb = {.syntax = {.name = "features",
                                       .operands = "",
                                       .summary = "print what this runtime understands, as JSON",
                                       .example = "holdfast features"},
                            .run = run};

}  // namespace holdfast
