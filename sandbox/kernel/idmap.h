// Namespaces that exist for what they do to mounts, and the short-lived process that carries them;
// first of all user namespaces that hold id mappings for MOUNT_ATTR_IDMAP (mount_setattr(2)).
//
//   HF_TRY(Fd ids, make_user_namespace(plan.uid_mappings, plan.gid_mappings));
//   change_mount(copy, {.user_namespace = ids.get()}, Reach::kMount);
#pragma once

#include <sys/types.h>

#include <memory>
#include <vector>

#include "core/base/fd.h"
#include "core/oci/spec.h"

namespace holdfast {

// A process in new namespaces that does nothing; killed and reaped with the object. It has no exit
// signal, and shares our memory and descriptors: a copy of them would cost more than the namespaces.
class NamespaceCarrier {
 public:
  static Result<NamespaceCarrier> start(uint64_t namespaces);

  NamespaceCarrier(NamespaceCarrier&&) = default;
  NamespaceCarrier& operator=(NamespaceCarrier&&) = delete;
  ~NamespaceCarrier();

  // Its directory in /proc, which must be that of the caller's pid namespace.
  Result<DirFd> process() const;
  // Its user namespace, which has no maps yet, with these.
  Result<Fd> map_ids(const std::vector<oci::IdMapping>& uids,
                     const std::vector<oci::IdMapping>& gids) const;

 private:
  NamespaceCarrier(pid_t pid, Fd pidfd, std::unique_ptr<char[]> stack)
      : stack_(std::move(stack)), pid_(pid), pidfd_(std::move(pidfd)) {}

  std::unique_ptr<char[]> stack_;
  pid_t pid_;
  Fd pidfd_;
};

// A descriptor of a new user namespace with these maps. Needs CAP_SETUID and CAP_SETGID and a /proc
// of the caller's pid namespace. A short-lived process carries the namespace while the maps are
// written.
Result<Fd> make_user_namespace(const std::vector<oci::IdMapping>& uids,
                               const std::vector<oci::IdMapping>& gids);

// The lines of /proc/PID/uid_map: "0 100000 65536\n".
std::string id_map_text(const std::vector<oci::IdMapping>& mappings);

}  // namespace holdfast
