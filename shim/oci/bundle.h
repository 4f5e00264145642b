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

// Where the bundle lies: engines name that directory after the user of the state root beneath it
// (…/io.containerd.runtime.v2.task/k8s.io), so that it tells who made the bundle.
inline std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// An open directory's path: absolute, without symbolic links.
Result<std::string> path_of(const Fd& fd);

// What a bundle alone asks for; the command line may ask for more.
Request request_for(const Bundle& bundle, const std::string& id, bool rootless);

}  // namespace holdfast
