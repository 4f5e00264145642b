// User namespaces that hold id mappings for MOUNT_ATTR_IDMAP (mount_setattr(2)) and nothing else.
//
//   HF_TRY(Fd ids, make_user_namespace(plan.uid_mappings, plan.gid_mappings));
//   change_mount(copy, {.user_namespace = ids.get()}, Reach::kMount);
#pragma once

#include <vector>

#include "core/base/fd.h"
#include "core/oci/spec.h"

namespace holdfast {

// A descriptor of a new user namespace with these maps. Needs CAP_SETUID and CAP_SETGID and a /proc
// of the caller's pid namespace. A short-lived process carries the namespace while the maps are
// written.
Result<Fd> make_user_namespace(const std::vector<oci::IdMapping>& uids,
                               const std::vector<oci::IdMapping>& gids);

// The lines of /proc/PID/uid_map: "0 100000 65536\n".
std::string id_map_text(const std::vector<oci::IdMapping>& mappings);

}  // namespace holdfast
