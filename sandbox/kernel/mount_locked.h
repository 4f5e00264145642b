// Detached copies of the host's mounts for a container with a user namespace, with the restrictions
// of those mounts locked (mount_namespaces(7), "Restrictions on mount namespaces").
//
//   std::vector<TreeCopy> copies = {{"/srv/data", AT_RECURSIVE}};
//   HF_TRY(const LockedMounts host, LockedMounts::take());
//   HF_DO(host.copy(copies));
//   HF_TRY(Fd ids, host.map_ids(plan.uid_mappings, plan.gid_mappings));   // for MOUNT_ATTR_IDMAP
//
// A copy that is taken in the host's mount namespace has its flags unlocked: once it is attached in
// a mount namespace that the container's user namespace owns, CAP_SYS_ADMIN in there can make a
// read-only mount of the host writable, or lift nosuid, nodev and noexec, and unmount what covers
// parts of it. The kernel locks mounts when a mount namespace is copied into another user
// namespace. So the copies are taken inside such a copy, with our own rights: it lives as long as
// this object.
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "sandbox/kernel/idmap.h"

namespace holdfast {

struct TreeCopy {
  std::string path;    // of the host
  unsigned flags = 0;  // AT_RECURSIVE
  Fd mount{};          // the result, or why there is none:
  int code = 0;
};

// Why a copy could not be taken, with its path. EINVAL of a copy that is not recursive: locked
// mounts stand below it.
Failure not_copied(const TreeCopy& copy);

// Takes them in the caller's own mount namespace, each for itself. System calls and stores only.
void copy_trees(std::vector<TreeCopy>& copies);

class LockedMounts {
 public:
  static Result<LockedMounts> take();

  // Each for itself: an error is one of the whole.
  Result<> copy(std::vector<TreeCopy>& copies) const;
  // A user namespace with these maps; once.
  Result<Fd> map_ids(const std::vector<oci::IdMapping>& uids,
                     const std::vector<oci::IdMapping>& gids) const;

 private:
  explicit LockedMounts(NamespaceCarrier carrier) : carrier_(std::move(carrier)) {}
  NamespaceCarrier carrier_;
};

}  // namespace holdfast
