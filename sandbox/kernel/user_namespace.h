// User namespaces that exist already: which one a path means, whose it is, how it maps ids.
//
//   HF_TRY(Fd user, open_user_namespace("/proc/71/ns/net"));   // the one that owns that network
//   HF_TRY(bool host, is_own_user_namespace(user));
//   HF_TRY(IdMaps maps, maps_of(user));
//
// A namespace belongs to the user namespace that it was made in, and only who has rights in there
// has rights over it (ioctl_ns(2), user_namespaces(7)): equal mappings of another user namespace
// give none.
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/oci/spec.h"

namespace holdfast {

// The user namespace at `path`; of a namespace of another type the one that owns it. Code EPERM:
// its owner lies outside of the caller's own user namespace.
Result<Fd> open_user_namespace(const std::string& path);

// Whether it is the caller's own.
Result<bool> is_own_user_namespace(const Fd& user_namespace);

// How it maps ids to those of the caller's user namespace, which must be its parent.
struct IdMaps {
  std::vector<oci::IdMapping> uids, gids;
};
Result<IdMaps> maps_of(const Fd& user_namespace);

// "0 100000 65536\n", the form of /proc/PID/uid_map; lines that are not of it are an error.
Result<std::vector<oci::IdMapping>> parse_id_map(std::string_view text);

// What `id` is outside; nothing if it is not mapped.
std::optional<uint32_t> outside_id(const std::vector<oci::IdMapping>& map, uint32_t id);

}  // namespace holdfast
