// The place where the runtimes are compared: a private mount namespace with a scratch tmpfs, which
// vanishes with the process, and the cgroup hierarchies that are visible in it.
//
//   HF_TRY(Host host, prepare_host({.keep_unified = false}));
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace holdfast::bench {

struct HostOptions {
  // crun refuses the hybrid hierarchy; unless kept, /sys/fs/cgroup/unified is unmounted for all.
  bool keep_unified = false;
};

struct Host {
  std::string scratch;          // a directory of ours, world-readable, in memory
  std::vector<std::string> v1;  // directories of the v1 hierarchies
  std::string v2;               // of the pure v2 hierarchy, else empty
  bool unified_hidden = false;
};

Result<Host> prepare_host(const HostOptions& options);

// Makes `policy` the only file of the node's policy, in our mount namespace; empty: there is no policy.
Result<> set_policy(const std::string& policy);

// Removes the directory `name` below every hierarchy and what the runtimes left in it; an error if
// something could not be removed.
Result<> remove_cgroups(const Host& host, const std::string& name);
// Removes the scratch directory.
void clean_up(const Host& host);

}  // namespace holdfast::bench
