// The mount tree: whoever may change it undoes masks and read-only paths, or mounts the host's.
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

constexpr char kPlace[] = "/tmp/mounted";

Outcome mount_of(const char* type, long magic) {
  mkdir(kPlace, 0755);
  const int result = mount("attack", kPlace, type, 0, nullptr);
  struct statfs seen {};
  const Outcome outcome =
      by_effect(result, [&] { return statfs(kPlace, &seen) == 0 && seen.f_type == magic; });
  if (result == 0) umount2(kPlace, MNT_DETACH);
  return outcome;
}

Outcome writable_again() {
  const int result = mount(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND, nullptr);
  struct statvfs seen {};
  return by_effect(
      result, [&] { return statvfs("/proc/sys", &seen) == 0 && (seen.f_flag & ST_RDONLY) == 0; });
}

Outcome unmask() {
  struct stat before {
  }, after{};
  if (stat("/proc/keys", &before) != 0) return absent();
  const int result = umount2("/proc/keys", MNT_DETACH);
  return by_effect(
      result, [&] { return stat("/proc/keys", &after) == 0 && after.st_dev != before.st_dev; });
}

Outcome new_file_system() { return by_result(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)); }

Outcome clone_of_the_tree() {
  return by_result(syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

// Taking a flag away that is not set changes nothing.
Outcome attributes() {
  mount_attr attributes{};
  attributes.attr_clr = MOUNT_ATTR_NODIRATIME;
  return by_result(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes));
}

// The new root is no mount point, so that pivot_root refuses it once it is let through.
Outcome pivot() {
  mkdir("/tmp/pivot", 0755);
  return by_gate(syscall(SYS_pivot_root, "/tmp/pivot", "/tmp/pivot"), EINVAL);
}

constexpr Action kActions[] = {
    {"mount-tmpfs", "hide or replace files", [] { return mount_of("tmpfs", TMPFS_MAGIC); }},
    {"mount-proc", "/proc without masks", [] { return mount_of("proc", PROC_SUPER_MAGIC); }},
    {"mount-cgroup", "a release_agent that runs on the host",
     [] { return mount_of("cgroup", CGROUP_SUPER_MAGIC); }},
    {"remount-proc-sys", "the kernel's parameters, writable", writable_again},
    {"unmount-mask", "what the engine masked", unmask},
    {"fsopen", "mounts that no filter of mount(2) sees", new_file_system},
    {"open-tree", "a private copy of the mounts", clone_of_the_tree},
    {"mount-setattr", "a writable root", attributes},
    {"pivot-root", "another root", pivot},
};

}  // namespace

std::span<const Action> mount_actions() { return kActions; }

}  // namespace holdfast::escape
