// The container's mount tree, with descriptors only: no function takes a path inside the rootfs as a
// string that the kernel resolves without openat2 confinement.
//
//   in the runtime (host mount namespace, full rights):
//     HF_TRY(MountSources sources, open_mount_sources(plan));      // open_tree clones
//   in the container's first process (own mount namespace):
//     HF_TRY(Rootfs root, Rootfs::enter(plan, sources));           // propagation, the root's own mount
//     HF_DO(root.mount_all(plan, sources, attach));                // table of mounts
//     HF_DO(root.make_devices(plan)); ...
//     HF_DO(root.pivot(plan));
//     HF_DO(root.protect(plan));                                   // masks, read-only paths, read-only root
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/plan/plan.h"
#include "sandbox/kernel/cgroup.h"

namespace holdfast {

// Detached copies of the host's mounts that the plan binds, opened before the container's namespaces
// exist. Index i belongs to plan.mounts[i]; an invalid Fd where that mount needs none.
struct MountSources {
  Fd rootfs;
  std::vector<Fd> mounts;
};

// Where we lack CAP_SYS_ADMIN over the host's mount namespace (rootless without an outer user
// namespace) the descriptors stay invalid and `deferred` is true: Rootfs opens them itself.
Result<MountSources> open_mount_sources(const Plan& plan);

class Rootfs {
 public:
  // Makes the mount tree private (or as rootfsPropagation asks) and attaches the root.
  static Result<Rootfs> enter(const Plan& plan, MountSources sources);

  // Every mount of the plan, in its order; `cgroups` says what a "cgroup" mount shows.
  Result<> mount_all(const Plan& plan, const CgroupRecord& cgroups);
  // Device nodes (or binds of the host's, in a user namespace), /dev/ptmx, the /dev/fd links.
  Result<> make_devices(const Plan& plan);
  // Binds the terminal on /dev/console by descriptor (TIOCGPTPEER).
  Result<> bind_console(const Fd& terminal);
  // The root descriptor, for createContainer hooks and the masks.
  const DirFd& root() const { return root_; }
  Result<> pivot(const Plan& plan);
  // After the pivot: masked paths, read-only paths, the read-only root.
  Result<> protect(const Plan& plan);

 private:
  DirFd root_;
  MountSources sources_;
};

// A private procfs of the caller's pid namespace (fsopen, fsmount), its magic and root inode checked; never
// attached anywhere. LSM attributes, sysctls and oom_score_adj are written through it.
Result<DirFd> private_procfs();

}  // namespace holdfast
