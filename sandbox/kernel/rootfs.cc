#include "sandbox/kernel/rootfs.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/kernel/devices.h"
#include "sandbox/kernel/rootfs_internal.h"

namespace holdfast {
namespace {

// The host's tree in our new mount namespace: by default it hears of the host's mounts and never
// speaks.
Result<> set_host_propagation(const Fd& host_root, uint64_t asked) {
  if ((asked & MS_SHARED) != 0) return {};
  const uint64_t propagation = (asked & MS_PRIVATE) != 0 ? MS_PRIVATE : MS_SLAVE;
  if (!change_mount(host_root, {.propagation = propagation}, Reach::kTree))
    return os_error("change the propagation of the mount namespace's root");
  return {};
}

// Upwards to the root of the mount that holds `directory`, by descriptors: with a shared tree, what
// we attach there would reach the host, and pivot_root(2) refuses it.
Result<> make_parent_private(const Fd& directory) {
  HF_TRY(Fd place, directory.dup());
  while (true) {
    HF_TRY(const Identity identity, identify(place));
    if (identity.mount_root) break;
    Fd above(::openat(place.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!above) return os_error("walk up from the rootfs");
    HF_TRY(const Identity next, identify(above));
    if (next.same_file(identity))
      return error("the rootfs is on no mount that can be made private");
    place = std::move(above);
  }
  if (!change_mount(place, {.propagation = MS_PRIVATE}, Reach::kMount))
    return os_error("make the parent of the rootfs private");
  return {};
}

// The host's null device, to lay over masked files: opened while the host's /dev is still in sight.
Result<Fd> clone_null_device() {
  Fd null = clone_tree(AT_FDCWD, "/dev/null", AT_SYMLINK_NOFOLLOW);
  if (!null) return os_error("open the host's /dev/null");
  HF_TRY(const bool real, is_null_device(null));
  if (!real) return error("the host's /dev/null is not the null device");
  // Read-only: the node is the host's own, and a container may not chmod it. Writing to a device
  // needs no writable mount.
  const MountChange change{.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                           .propagation = MS_PRIVATE};
  if (!change_mount(null, change, Reach::kMount)) return os_error("change the null device's mount");
  return null;
}

Result<Identity> root_identity() {
  HF_TRY(const DirFd root, DirFd::open("/", O_PATH));
  return identify(root);
}

// In a chroot, pivot_root(2) exchanges the chroot's root, and who enters the mount namespace later (an
// exec) arrives at the one above it: on the host. setns(2) into our own namespace goes where they do.
Result<> refuse_chroot() {
  HF_TRY(const Identity before, root_identity());
  const Fd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!self) return os_error("open a pidfd of ourselves");
  if (::setns(self.get(), CLONE_NEWNS) != 0) return os_error("go to the mount namespace's root");
  HF_TRY(const Identity after, root_identity());
  if (before.same_file(after)) return {};
  return error(
      "the runtime runs in a chroot, where no container can be closed: use a mount "
      "namespace with a root of its own (pivot_root) instead");
}

Result<> refuse_mounts(const Plan& plan) {
  if (!plan.mounts.empty()) return error("mounts need a mount namespace");
  if (!plan.masked_paths.empty()) return error("maskedPaths need a mount namespace");
  if (!plan.readonly_paths.empty()) return error("readonlyPaths need a mount namespace");
  if (!plan.nosuid_paths.empty()) return error("nosuidPaths need a mount namespace");
  if (plan.readonly_rootfs) return error("a read-only root needs a mount namespace");
  return {};
}

}  // namespace

Result<Rootfs> Rootfs::enter(const Plan& plan, MountSources sources) {
  Rootfs rootfs;
  rootfs.own_mounts_ = find_namespace(plan, oci::NamespaceType::kMount) != nullptr;
  rootfs.sources_ = std::move(sources);
  rootfs.sources_.mounts.resize(plan.mounts.size());
  if (!rootfs.own_mounts_) {
    HF_DO(refuse_mounts(plan));
    HF_TRY(rootfs.root_, with_context(DirFd::open(plan.rootfs, O_PATH), "rootfs"));
    return rootfs;
  }
  HF_DO(refuse_chroot());
  rootfs.host_root_ = Fd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!rootfs.host_root_) return os_error("open /");
  HF_DO(set_host_propagation(rootfs.host_root_, plan.rootfs_propagation));
  HF_DO(with_context(rootfs.attach_root(plan), "rootfs {}", plan.rootfs));
  if (!plan.masked_paths.empty()) {
    HF_TRY(rootfs.null_device_, with_context(clone_null_device(), "masked paths"));
  }
  return rootfs;
}

// The root is attached over its own path, where hooks look for it.
Result<> Rootfs::attach_root(const Plan& plan) {
  if (sources_.deferred) {
    if (plan.rootfs_idmap) return error("id mappings need rights over the host's mounts");
    HF_TRY(sources_.rootfs, clone_root(plan));
  }
  if (!sources_.rootfs) return error("its mount was not opened");
  Fd place(::open(plan.rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place) {
    // A user namespace whose root may not pass the directories above: hooks of the container could
    // not use the path either, and the descriptor is all that we need.
    if (errno != EACCES) return os_error("open");
    HF_TRY(place, host_root_.dup());
  }
  if ((plan.rootfs_propagation & MS_SHARED) != 0) HF_DO(make_parent_private(place));
  if (!attach_mount(sources_.rootfs, place)) return os_error("attach");
  root_ = DirFd(std::move(sources_.rootfs));
  HF_TRY(root_identity_, identify(root_));
  return {};
}

Result<> Rootfs::make_devices(const Plan& plan) {
  const bool bound = std::ranges::any_of(plan.mounts, [](const MountPlan& mount) {
    return mount.bind && mount.destination == "/dev";
  });
  if (bound || !own_mounts_) return {};
  const Umask none(0);
  HF_TRY(const DirFd dev, dev_directory());
  const bool user_namespace = find_namespace(plan, oci::NamespaceType::kUser) != nullptr;
  const NodeMethod method =
      user_namespace || plan.rootless ? NodeMethod::kBind : NodeMethod::kMknod;
  for (const oci::Device& device : plan.devices) HF_DO(make_device(root_, dev, device, method));
  HF_DO(make_device_links(dev));
  devices_made_ = true;
  return {};
}

// The mount at /dev if there is one, else the directory, which must be no link.
Result<DirFd> Rootfs::dev_directory() const {
  for (auto each = kept_.rbegin(); each != kept_.rend(); ++each) {
    if (each->destination != "/dev") continue;
    HF_TRY(Fd copy, each->mount.dup());
    return DirFd(std::move(copy));
  }
  return open_or_make_directory(root_, RootPath("/dev"), Links::kRefuse);
}

Result<DirFd> Rootfs::open_devpts() const {
  HF_TRY(const DirFd dev, dev_directory());
  HF_TRY(Fd pts, open_in_root(dev, RootPath("/pts"), O_PATH | O_DIRECTORY, Links::kRefuse));
  HF_TRY(const FilesystemState state, filesystem_state(pts));
  if (state.magic != kDevptsMagic) return error("/dev/pts is not a devpts");
  return DirFd(std::move(pts));
}

Result<> Rootfs::bind_console(const Fd& terminal) {
  const Umask none(0);
  HF_TRY(const DirFd dev, dev_directory());
  return bind_terminal(dev, terminal);
}

}  // namespace holdfast
