// What this host can do, as data for resolve() and `holdfastctl doctor`.
#pragma once

#include <string>
#include <vector>

#include "core/plan/plan.h"

namespace holdfast {

// Cheap enough for every create: a handful of reads, some tens of microseconds.
Result<HostFacts> probe_host();

// Whether we are in a user namespace that does not map every id to itself.
bool in_user_namespace();

// One line of `holdfastctl doctor`.
struct HostCheck {
  std::string name;  // "Landlock"
  bool usable = false;
  std::string detail;  // "ABI 7", "idmapped tmpfs: operation not permitted"
};

// Tries what probe_host() does not need: controllers, seccomp actions, limits on user namespaces,
// idmapped mounts (by mounting one), the mount API, memfds. Milliseconds; leaves nothing behind.
std::vector<HostCheck> examine_host();

}  // namespace holdfast
