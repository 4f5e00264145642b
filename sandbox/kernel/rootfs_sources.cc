// open_mount_sources: what is bound from the host, as detached copies.
#include <sys/stat.h>

#include "sandbox/kernel/idmap.h"
#include "sandbox/kernel/mount_locked.h"
#include "sandbox/kernel/rootfs.h"
#include "sandbox/kernel/rootfs_internal.h"
#include "sandbox/kernel/user_namespace.h"

namespace holdfast {
namespace {

// A copy of a shared mount is its peer: what happens to one happens to the other. Containers get
// slaves, unless the plan shares the whole tree (rootfsPropagation) or wants the mount private.
uint64_t initial_propagation(const Plan& plan, uint64_t asked) {
  if (asked == (MS_PRIVATE | MS_REC) || (plan.rootfs_propagation & MS_PRIVATE) != 0)
    return MS_PRIVATE;
  return (plan.rootfs_propagation & MS_SHARED) != 0 ? 0 : MS_SLAVE;
}

// The mappings of a container's mounts as user namespaces. That of its own is made once.
class Mappings {
 public:
  explicit Mappings(const Plan& plan) : plan_(plan) {}

  // From now on the container's own mapping can be had without a further process.
  void carried_by(const LockedMounts& carrier) { carrier_ = &carrier; }

  Result<> apply(const MountIdMap& ids, const Fd& copy, const std::string& source) {
    HF_TRY(const int user_namespace, find(ids));
    HF_TRY(const Identity before, identify(copy));
    const Reach reach = ids.recursive ? Reach::kTree : Reach::kMount;
    if (!change_mount(copy, {.user_namespace = user_namespace}, reach)) {
      if (errno == EINVAL)
        return os_error("map ids: the file system of {} cannot be id-mapped", source);
      return os_error("map ids of {}", source);
    }
    return read_back(ids, before, copy);
  }

 private:
  Result<int> find(const MountIdMap& ids) {
    if (ids.uid_mappings.empty()) {
      if (!own_) {
        HF_TRY(own_, make_own());
      }
      return own_.get();
    }
    HF_TRY(given_, make_user_namespace(ids.uid_mappings, ids.gid_mappings));
    return given_.get();
  }

  // The owner as the mount shows it to us.
  Result<> read_back(const MountIdMap& ids, const Identity& before, const Fd& copy) const {
    const bool given = !ids.uid_mappings.empty();
    const auto uid = outside_id(given ? ids.uid_mappings : plan_.uid_mappings, before.uid);
    const auto gid = outside_id(given ? ids.gid_mappings : plan_.gid_mappings, before.gid);
    HF_TRY(const Identity after, identify(copy));
    if ((uid && after.uid != *uid) || (gid && after.gid != *gid))
      return error("its owner is {}:{} after its ids were mapped", after.uid, after.gid);
    return {};
  }

  // "idmap" without mappings: the container's own.
  Result<Fd> make_own() const {
    const oci::Namespace* user = find_namespace(plan_, oci::NamespaceType::kUser);
    if (user == nullptr) return error("\"idmap\" without mappings needs a user namespace");
    if (!user->path.empty()) return open_user_namespace(user->path);
    if (carrier_ != nullptr) return carrier_->map_ids(plan_.uid_mappings, plan_.gid_mappings);
    return make_user_namespace(plan_.uid_mappings, plan_.gid_mappings);
  }

  const Plan& plan_;
  const LockedMounts* carrier_ = nullptr;
  Fd own_, given_;
};

Result<> set_root_propagation(const Plan& plan, const Fd& rootfs) {
  // pivot_root(2): the new root must not be shared. With a shared tree only its top is cut off.
  const bool shared = (plan.rootfs_propagation & MS_SHARED) != 0;
  const uint64_t propagation = shared ? uint64_t{MS_PRIVATE} : initial_propagation(plan, 0);
  if (!change_mount(rootfs, {.propagation = propagation}, shared ? Reach::kMount : Reach::kTree))
    return os_error("propagation of {}", plan.rootfs);
  return {};
}

std::string source_path(const Plan& plan, const MountPlan& mount) {
  return mount.source.starts_with('/') ? mount.source : plan.bundle + '/' + mount.source;
}

unsigned source_flags(const MountPlan& mount) { return mount.recursive_bind ? AT_RECURSIVE : 0; }

Result<> check_root(const Plan& plan, const Fd& rootfs) {
  HF_TRY(const Identity identity, identify(rootfs));
  if ((identity.mode & S_IFMT) != S_IFDIR) return error("{} is not a directory", plan.rootfs);
  return set_root_propagation(plan, rootfs);
}

// The copy becomes what the plan says of it, but for the attributes: those are Rootfs's.
Result<> finish_source(const Plan& plan, const MountPlan& mount, const Fd& copy,
                       Mappings& mappings) {
  if (const uint64_t propagation = initial_propagation(plan, mount.propagation);
      propagation != 0 && !change_mount(copy, {.propagation = propagation}, Reach::kTree))
    return os_error("propagation of {}", mount.source);
  if (mount.idmap) HF_DO(mappings.apply(*mount.idmap, copy, mount.source));
  return {};
}

// The path was looked at and judged some time ago; whoever can write to a directory on its way may have put
// another file there.
Result<> check_source(const MountPlan& mount, const Fd& copy) {
  if (!mount.source_file) return error("{} did not exist when it was judged", mount.source);
  HF_TRY(const Identity now, identify(copy));
  const FileIdentity& judged = *mount.source_file;
  if (now.inode != judged.inode || now.device_major != judged.device_major ||
      now.device_minor != judged.device_minor)
    return error("{} is not the file any more that was judged", mount.source);
  return {};
}

// In a user namespace the root and all sources at once, locked.
Result<> open_locked(const Plan& plan, const LockedMounts& host, MountSources& sources) {
  std::vector<TreeCopy> copies;
  copies.push_back({plan.rootfs, AT_RECURSIVE});
  for (const MountPlan& mount : plan.mounts)
    if (needs_source(mount)) copies.push_back({source_path(plan, mount), source_flags(mount)});
  HF_DO(with_context(host.copy(copies), "mount sources"));
  for (const TreeCopy& copy : copies)
    if (!copy.mount) return with_context(Result<>(not_copied(copy)), "mount sources");

  sources.rootfs = std::move(copies[0].mount);
  size_t next = 1;
  for (size_t i = 0; i < plan.mounts.size(); ++i) {
    if (!needs_source(plan.mounts[i])) continue;
    sources.mounts[i] = std::move(copies[next++].mount);
    HF_DO(with_context(check_source(plan.mounts[i], sources.mounts[i]), "mount {}",
                       plan.mounts[i].destination));
  }
  return {};
}

Result<> open_plain(const Plan& plan, MountSources& sources) {
  for (size_t i = 0; i < plan.mounts.size(); ++i) {
    const MountPlan& mount = plan.mounts[i];
    if (!needs_source(mount)) continue;
    HF_TRY(sources.mounts[i],
           with_context(clone_source(plan, mount), "mount {}", mount.destination));
  }
  return {};
}

}  // namespace

bool needs_source(const MountPlan& mount) { return mount.bind && !mount.remount; }

Result<Fd> clone_source(const Plan& plan, const MountPlan& mount) {
  // A source is the host's: the engine's links to it count (kubelet's /proc/PID/fd/N among them).
  const std::string path = source_path(plan, mount);
  Fd copy = clone_tree(AT_FDCWD, path.c_str(), source_flags(mount));
  if (!copy) return os_error("open {}", path);
  HF_DO(check_source(mount, copy));
  return copy;
}

Result<Fd> clone_root(const Plan& plan) {
  Fd copy = clone_tree(AT_FDCWD, plan.rootfs.c_str(), AT_RECURSIVE);
  if (!copy) return os_error("open {}", plan.rootfs);
  HF_DO(check_root(plan, copy));
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
  std::optional<LockedMounts> host;
  Mappings mappings(plan);
  if (find_namespace(plan, oci::NamespaceType::kUser) != nullptr) {
    HF_TRY(LockedMounts taken, with_context(LockedMounts::take(), "mount sources"));
    host.emplace(std::move(taken));
    HF_DO(open_locked(plan, *host, sources));
    HF_DO(with_context(check_root(plan, sources.rootfs), "rootfs"));
    mappings.carried_by(*host);
  } else {
    HF_DO(open_plain(plan, sources));
  }
  if (plan.rootfs_idmap)
    HF_DO(with_context(mappings.apply(*plan.rootfs_idmap, sources.rootfs, plan.rootfs), "rootfs"));
  for (size_t i = 0; i < plan.mounts.size(); ++i) {
    const MountPlan& mount = plan.mounts[i];
    if (!needs_source(mount)) continue;
    HF_DO(with_context(finish_source(plan, mount, sources.mounts[i], mappings), "mount {}",
                       mount.destination));
  }
  return sources;
}

}  // namespace holdfast
