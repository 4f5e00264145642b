// open_mount_sources: what is bound from the host, as detached copies.
#include <sys/stat.h>

#include "sandbox/kernel/idmap.h"
#include "sandbox/kernel/rootfs.h"
#include "sandbox/kernel/rootfs_internal.h"

namespace holdfast {
namespace {

// A copy of a shared mount is its peer: what happens to one happens to the other. Containers get
// slaves, unless the plan shares the whole tree (rootfsPropagation) or wants the mount private.
uint64_t initial_propagation(const Plan& plan, uint64_t asked) {
  if (asked == (MS_PRIVATE | MS_REC) || (plan.rootfs_propagation & MS_PRIVATE) != 0)
    return MS_PRIVATE;
  return (plan.rootfs_propagation & MS_SHARED) != 0 ? 0 : MS_SLAVE;
}

Result<Fd> mapped_namespace(const Plan& plan, const MountIdMap& ids) {
  if (!ids.uid_mappings.empty()) return make_user_namespace(ids.uid_mappings, ids.gid_mappings);
  // "idmap" without mappings: the container's own.
  const oci::Namespace* user = find_namespace(plan, oci::NamespaceType::kUser);
  if (user == nullptr) return error("\"idmap\" without mappings needs a user namespace");
  if (user->path.empty()) return make_user_namespace(plan.uid_mappings, plan.gid_mappings);
  Fd joined(::open(user->path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!joined) return os_error("open {}", user->path);
  return joined;
}

Result<> map_ids(const Plan& plan, const MountPlan& mount, const Fd& copy) {
  HF_TRY(const Fd ids, mapped_namespace(plan, *mount.idmap));
  const Reach reach = mount.idmap->recursive ? Reach::kTree : Reach::kMount;
  if (change_mount(copy, {.user_namespace = ids.get()}, reach)) return {};
  if (errno == EINVAL)
    return os_error("map ids: the file system of {} cannot be id-mapped", mount.source);
  return os_error("map ids of {}", mount.source);
}

Result<Fd> open_source(const Plan& plan, const MountPlan& mount) {
  HF_TRY(Fd copy, clone_source(plan, mount));
  if (const uint64_t propagation = initial_propagation(plan, mount.propagation);
      propagation != 0 && !change_mount(copy, {.propagation = propagation}, Reach::kTree))
    return os_error("propagation of {}", mount.source);
  if (mount.idmap) HF_DO(map_ids(plan, mount, copy));
  return copy;
}

Result<> set_root_propagation(const Plan& plan, const Fd& rootfs) {
  // pivot_root(2): the new root must not be shared. With a shared tree only its top is cut off.
  const bool shared = (plan.rootfs_propagation & MS_SHARED) != 0;
  const uint64_t propagation = shared ? uint64_t{MS_PRIVATE} : initial_propagation(plan, 0);
  if (!change_mount(rootfs, {.propagation = propagation}, shared ? Reach::kMount : Reach::kTree))
    return os_error("propagation of {}", plan.rootfs);
  return {};
}

}  // namespace

bool needs_source(const MountPlan& mount) { return mount.bind && !mount.remount; }

Result<Fd> clone_source(const Plan& plan, const MountPlan& mount) {
  // A source is the host's: the engine's links to it count (kubelet's /proc/PID/fd/N among them).
  const std::string path =
      mount.source.starts_with('/') ? mount.source : plan.bundle + '/' + mount.source;
  Fd copy = clone_tree(AT_FDCWD, path.c_str(), mount.recursive_bind ? AT_RECURSIVE : 0);
  if (!copy) return os_error("open {}", path);
  return copy;
}

Result<Fd> clone_root(const Plan& plan) {
  Fd copy = clone_tree(AT_FDCWD, plan.rootfs.c_str(), AT_RECURSIVE);
  if (!copy) return os_error("open {}", plan.rootfs);
  HF_TRY(const Identity identity, identify(copy));
  if ((identity.mode & S_IFMT) != S_IFDIR) return error("{} is not a directory", plan.rootfs);
  HF_DO(set_root_propagation(plan, copy));
  return copy;
}

Result<MountSources> open_mount_sources(const Plan& plan) {
  MountSources sources;
  sources.mounts.resize(plan.mounts.size());
  if (find_namespace(plan, oci::NamespaceType::kMount) == nullptr) return sources;

  auto root = with_context(clone_root(plan), "rootfs");
  // may_mount() in fs/namespace.c: the one EPERM that a first clone can meet.
  sources.deferred = !root && root.error().code == EPERM;
  if (sources.deferred) return sources;
  HF_TRY(sources.rootfs, std::move(root));
  for (size_t i = 0; i < plan.mounts.size(); ++i) {
    const MountPlan& mount = plan.mounts[i];
    if (!needs_source(mount)) continue;
    HF_TRY(sources.mounts[i],
           with_context(open_source(plan, mount), "mount {}", mount.destination));
  }
  return sources;
}

}  // namespace holdfast
