// Writes the uid and gid maps of a new user namespace, from its parent namespace.
#pragma once

#include <sys/types.h>

#include <vector>

#include "core/oci/spec.h"

namespace holdfast {

// Maps of the process `pid`, whose user namespace has none yet. Without CAP_SETUID over our own
// namespace one identity mapping of ourselves is written directly (setgroups denied), more go
// through newuidmap and newgidmap.
Result<> write_id_maps(pid_t pid, const std::vector<oci::IdMapping>& uids,
                       const std::vector<oci::IdMapping>& gids);

}  // namespace holdfast
