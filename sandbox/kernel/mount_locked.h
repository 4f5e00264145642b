// Detached copies of the host's mounts for a container with a user namespace, with the restrictions
// of those mounts locked (mount_namespaces(7), "Restrictions on mount namespaces").
//
//   std::vector<TreeCopy> copies = {{"/srv/data", AT_RECURSIVE}};
//   HF_DO(clone_locked_trees(copies));
//
// A copy that is taken in the host's mount namespace has its flags unlocked: once it is attached in
// a mount namespace that the container's user namespace owns, CAP_SYS_ADMIN in there can make a
// read-only mount of the host writable, or lift nosuid, nodev and noexec, and unmount what covers
// parts of it. The kernel locks mounts when a mount namespace is copied into another user
// namespace. So the copies are taken inside such a copy, with our own rights: it lives for the
// moment of this call.
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"

namespace holdfast {

struct TreeCopy {
  std::string path;    // of the host
  unsigned flags = 0;  // AT_RECURSIVE
  Fd mount;            // the result
};

// An error names the path. EINVAL of a copy that is not recursive: locked mounts stand below it.
Result<> clone_locked_trees(std::vector<TreeCopy>& copies);

}  // namespace holdfast
