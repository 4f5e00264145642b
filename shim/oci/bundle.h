// An OCI bundle as create and `holdfastctl explain` read it.
//
//   HF_TRY(Bundle bundle, open_bundle("/run/b", "config.json"));
//   Request request = request_for(bundle, "c1", rootless);
//   HF_TRY(Resolved resolved, resolve(request, bundle.spec, policy, facts));
#pragma once

#include <string>

#include "core/base/fd.h"
#include "core/oci/spec.h"
#include "profiles/policy/resolve.h"

namespace holdfast {

struct Bundle {
  DirFd dir;
  std::string path;  // absolute, without symbolic links
  oci::Spec spec;
};

Result<Bundle> open_bundle(const std::string& path, const std::string& config);

// What a bundle alone asks for; the command line may ask for more.
Request request_for(const Bundle& bundle, const std::string& id, bool rootless);

}  // namespace holdfast
