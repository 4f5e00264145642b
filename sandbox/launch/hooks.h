// OCI hooks: run in order, state on stdin, clean environment, timeout, trusted working directory. What the
// policy wants of their programs is looked at first (hook_program.h).
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/oci/spec.h"

namespace holdfast {

// Runs every hook in its order; the first that fails or exceeds its timeout (killed with its
// children's process group) ends it: "createRuntime hook 1 (/bin/x): exit status 3: <its last
// stderr line>". `state` is the JSON state document. Environment: the hook's own `env` and nothing
// else. Cwd: `cwd`.
Result<> run_hooks(std::string_view point, const std::vector<oci::Hook>& hooks,
                   const std::string& state, const DirFd& cwd);

// For poststart and poststop, whose failures are told and not fatal: every hook runs, all errors
// are returned.
std::vector<std::string> run_hooks_all(std::string_view point, const std::vector<oci::Hook>& hooks,
                                       const std::string& state, const DirFd& cwd);

}  // namespace holdfast
