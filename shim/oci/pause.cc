#include "shim/oci/container.h"

namespace holdfast {
namespace {

Result<int> run(const Globals& globals, const Arguments& args) {
  HF_TRY(const Container container, find_container(globals, args.operands()[0]));
  HF_TRY(const Status now, container.dir.status(container.state));
  if (now != Status::kRunning && now != Status::kCreated) return error("container not running");
  HF_DO(freeze(container.state.cgroups));
  return 0;
}

}  // namespace

const Verb kPauseVerb = {.syntax = {.name = "pause",
                                    .operands = "ID",
                                    .summary = "suspend all processes of a container",
                                    .example = "holdfast pause web1",
                                    .min_operands = 1,
                                    .max_operands = 1},
                         .run = run};

}  // namespace holdfast
