// Rootfs: the change of the root.
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/kernel/devices.h"
#include "sandbox/kernel/rootfs.h"

namespace holdfast {
namespace {

// One line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
struct MountLine {
  std::string_view root, point, type;
};

MountLine parse_mount_line(std::string_view line) {
  MountLine found;
  const auto fields = split(line, ' ');
  if (fields.size() < 10) return found;
  found.root = fields[3];
  found.point = fields[4];
  for (size_t i = 6; i + 1 < fields.size(); ++i)
    if (fields[i] == "-") found.type = fields[i + 1];
  return found;
}

// "\040" is a blank, "\134" a backslash.
std::string unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      if (const auto code = parse_number<unsigned>(text.substr(i + 1, 3), 8)) {
        plain += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    plain += text[i];
  }
  return plain;
}

// Without pivot_root the host's procfs and sysfs stay in the mount namespace, and the kernel lets a
// process mount new full ones because of them: they go, or are covered where we may not unmount
// them. The paths are the host's.
Result<> hide_host_filesystems(const std::string& rootfs) {
  HF_TRY(const std::string table, read_file("/proc/self/mountinfo", 16 << 20));
  for (const std::string_view line : split(table, '\n')) {
    const MountLine mount = parse_mount_line(line);
    if (mount.root != "/" || (mount.type != "proc" && mount.type != "sysfs")) continue;
    const std::string point = unescape(mount.point);
    if (point.starts_with(rootfs + '/')) continue;
    if (::umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
    // Gone with a mount above it, or covered by one.
    if (errno == ENOENT) continue;
    if (errno != EINVAL && errno != EPERM) return os_error("unmount the host's {}", point);
    if (::mount("tmpfs", point.c_str(), "tmpfs", 0, nullptr) != 0)
      return os_error("cover the host's {}", point);
  }
  return {};
}

Result<> enter_directory(const Fd& directory) {
  if (::fchdir(directory.get()) != 0) return os_error("fchdir to the rootfs");
  return {};
}

Result<> chroot_here() {
  if (::chroot(".") != 0) return os_error("chroot");
  if (::chdir("/") != 0) return os_error("chdir /");
  return {};
}

}  // namespace

Result<> Rootfs::pivot(const Plan& plan) {
  if (!own_mounts_) {
    HF_DO(enter_directory(root_));
    return chroot_here();
  }
  if (plan.no_pivot) {
    HF_DO(hide_host_filesystems(plan.rootfs));
    HF_DO(move_root());
  } else {
    HF_DO(pivot_root(plan));
  }
  // Only now: a shared root cannot be pivoted to (pivot_root(2)).
  const uint64_t asked = plan.rootfs_propagation;
  if (asked != 0 && (asked & MS_PRIVATE) == 0) {
    const Reach reach = (asked & MS_REC) != 0 ? Reach::kTree : Reach::kMount;
    if (!change_mount(root_, {.propagation = asked & ~uint64_t{MS_REC}}, reach))
      return os_error("rootfsPropagation");
  }
  if (!devices_made_) return {};
  HF_TRY(const DirFd dev, dev_directory());
  return reopen_null_streams(dev);
}

// pivot_root(".", "."): the old root ends up over the new one and is unmounted from there, without
// a directory for it in the rootfs (pivot_root(2), NOTES).
Result<> Rootfs::pivot_root(const Plan& plan) {
  HF_DO(enter_directory(root_));
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return os_error("pivot_root");
  if (::fchdir(host_root_.get()) != 0) return os_error("fchdir to the old root");
  // A tree that is still shared with the host's must not take the unmounting there. Slaves, not
  // private mounts: until it is gone, the old tree must let go of what the host unmounts.
  if ((plan.rootfs_propagation & MS_SHARED) != 0 &&
      !change_mount(host_root_, {.propagation = MS_SLAVE}, Reach::kTree))
    return os_error("cut the old root off");
  if (::umount2(".", MNT_DETACH) != 0) return os_error("unmount the old root");
  host_root_ = Fd();
  if (::chdir("/") != 0) return os_error("chdir /");
  return {};
}

// --no-pivot, for a host whose root is a ramfs.
Result<> Rootfs::move_root() {
  if (!attach_mount(root_, host_root_)) return os_error("move the root");
  host_root_ = Fd();
  HF_DO(enter_directory(root_));
  return chroot_here();
}

}  // namespace holdfast
