// The container's mount tree, with descriptors only: no function takes a path inside the rootfs as
// a string that the kernel resolves without openat2 confinement
// (docs/adr/0020-descriptors-only.md).
//
//   in the runtime (host mount namespace, full rights):
//     HF_TRY(MountSources sources, open_mount_sources(plan));      // open_tree clones
//   in the container's first process (own mount namespace, single-threaded):
//     HF_TRY(Rootfs root, Rootfs::enter(plan, std::move(sources)));  // propagation, the root's own
//     mount HF_DO(root.mount_all(plan, cgroups));                        // table of mounts
//     HF_DO(root.make_devices(plan));
//     ... the terminal: HF_TRY(DirFd pts, root.open_devpts());
//     HF_DO(root.bind_console(terminal.peer)); hooks ... HF_DO(root.pivot(plan));
//     HF_DO(root.protect(plan));                                   // masks, read-only paths,
//     read-only root
//
// Without a mount namespace in the plan: enter() opens the root, pivot() is chroot(2), and a plan
// with mounts, masks or a read-only root is refused, because all of that would change the host.
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/plan/plan.h"
#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/mount_api.h"
#include "sandbox/kernel/procfs.h"
#include "sandbox/kernel/rootfs_path.h"

namespace holdfast {

// Detached copies of the host's mounts that the plan binds, opened before the container's
// namespaces exist, id-mapped and cut off from the host's propagation as the plan says. Index i
// belongs to plan.mounts[i]; an invalid Fd where that mount needs none.
struct MountSources {
  Fd rootfs;
  std::vector<Fd> mounts;
  // We lack CAP_SYS_ADMIN over the host's mount namespace (rootless without an outer user
  // namespace): all descriptors are invalid and Rootfs opens the sources itself, inside the
  // container's namespaces.
  bool deferred = false;
};

Result<MountSources> open_mount_sources(const Plan& plan);

class Rootfs {
 public:
  // Makes the mount tree private (or as rootfsPropagation asks) and attaches the root.
  static Result<Rootfs> enter(const Plan& plan, MountSources sources);

  // Every mount of the plan, in its order; `cgroups` says what a "cgroup" mount shows.
  Result<> mount_all(const Plan& plan, const CgroupRecord& cgroups);
  // Device nodes (or binds of the host's, in a user namespace), /dev/ptmx, the /dev/fd links.
  // Nothing, if /dev itself is bound from the host.
  Result<> make_devices(const Plan& plan);
  // The root of the devpts at /dev/pts, for open_terminal(): its magic is checked.
  Result<DirFd> open_devpts() const;
  // Binds the terminal on /dev/console by descriptor (TIOCGPTPEER).
  Result<> bind_console(const Fd& terminal);
  // The root descriptor (O_PATH), for createContainer hooks.
  const DirFd& root() const { return root_; }
  // The container becomes the root of this process; the host's tree is gone.
  Result<> pivot(const Plan& plan);
  // After the pivot: masked paths, read-only paths, the read-only root; each is read back.
  Result<> protect(const Plan& plan);

 private:
  // A mount that is needed again: /proc, /sys and /dev as the base of what is done beneath them,
  // and those that become read-only only at the end.
  struct Kept {
    std::string destination;
    DirFd mount;
    bool make_read_only = false;
  };

  Result<> attach_root(const Plan& plan);
  Result<> mount_one(const Plan& plan, size_t index, const CgroupRecord& cgroups);
  Result<Fd> take_source(const Plan& plan, size_t index);
  Result<Fd> make_mount(const Plan& plan, size_t index, const Target& target, bool late);
  Result<> remount(const MountPlan& mount, const RootPath& path);
  Result<> check_target(const MountPlan& mount, const RootPath& path, const Target& target,
                        const Fd& source) const;
  Result<> finish_mount(const MountPlan& mount, const RootPath& path, Fd fd, bool late);
  Result<DirFd> dev_directory() const;
  Result<> move_root();
  Result<> pivot_root(const Plan& plan);
  Result<Fd> open_protected(const RootPath& path) const;
  // Mounts what the path leads to onto itself with these attributes; what is not there needs none.
  Result<> remount_on_itself(const RootPath& path, uint64_t attributes) const;
  Result<> mask_all(const Plan& plan);
  Result<> read_back(const RootPath& path, const Fd& mount) const;
  Result<> check_kept() const;

  DirFd root_;
  Identity root_identity_;
  Fd host_root_;  // "/" before the pivot
  MountSources sources_;
  std::vector<Kept> kept_;
  Fd null_device_;  // a detached bind of the host's, for the masks
  bool own_mounts_ = false;
  bool devices_made_ = false;
  bool sharing_ =
      false;  // some mount of the tree is shared: what is attached to it becomes shared, too
};

}  // namespace holdfast
