// The mount API's system calls, as thin as they are: descriptors in, descriptors out, errno on
// failure. The only file of the rootfs code that names a system call of mounting, but for
// pivot_root.
//
//   Fd copy = clone_tree(AT_FDCWD, "/srv/data", AT_RECURSIVE);
//   if (!copy) return os_error("open {}", source);
//   if (!change_mount(copy, {.set = MOUNT_ATTR_RDONLY}, Reach::kTree)) return os_error("...");
//   if (!attach_mount(copy, target)) return os_error("...");
//
// open_tree(2), move_mount(2), fsopen(2), fsconfig(2), fsmount(2), mount_setattr(2), statx(2).
#pragma once

#include <fcntl.h>
#include <sys/mount.h>

#include <cstdint>

#include "core/base/fd.h"

namespace holdfast {

// What Debian 12's headers (Linux 6.1) or glibc 2.36 lack.
inline constexpr uint64_t kProcMagic = 0x9fa0;
inline constexpr uint64_t kSysfsMagic = 0x62656572;
inline constexpr uint64_t kTmpfsMagic = 0x01021994;
inline constexpr uint64_t kRamfsMagic = 0x858458f6;
inline constexpr uint64_t kDevptsMagic = 0x1cd1;
inline constexpr uint64_t kProcRootInode = 1;  // linux/proc_ns.h: PROC_ROOT_INO

enum class Reach { kMount, kTree };

// One call of mount_setattr(2).
struct MountChange {
  uint64_t set = 0, clear = 0;
  uint64_t propagation = 0;  // MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE
  int user_namespace = -1;   // with MOUNT_ATTR_IDMAP
};

// A detached copy of the mount at `path` below `directory`; `flags`: AT_RECURSIVE, AT_EMPTY_PATH,
// AT_SYMLINK_NOFOLLOW.
Fd clone_tree(int directory, const char* path, unsigned flags);
inline Fd clone_tree(const Fd& at, unsigned flags) {
  return clone_tree(at.get(), "", flags | AT_EMPTY_PATH);
}

// Attaches (or moves) `mount` onto what `target` refers to: no path is resolved.
bool attach_mount(const Fd& mount, const Fd& target);

bool change_mount(const Fd& mount, const MountChange& change, Reach reach);

// A file system under construction.
Fd open_filesystem(const char* type);
bool configure(const Fd& filesystem, unsigned command, const char* key, const char* value);
// The detached mount of a file system whose creation was commanded.
Fd mount_filesystem(const Fd& filesystem, uint64_t attributes);
// What the kernel wrote about the last failure, "" if nothing.
std::string filesystem_message(const Fd& filesystem);

// What statx(2) says of an open file: which mount, which inode, which device.
struct Identity {
  uint64_t mount_id = 0, inode = 0;
  uint32_t device_major = 0, device_minor = 0;    // of the file system
  uint32_t special_major = 0, special_minor = 0;  // of a device node
  uint32_t mode = 0, uid = 0, gid = 0;
  bool mount_root = false;

  bool same_file(const Identity& other) const {
    return mount_id == other.mount_id && inode == other.inode &&
           device_major == other.device_major && device_minor == other.device_minor;
  }
};
Result<Identity> identify(const Fd& fd);
// Magic of the file system and the mount's flags (ST_RDONLY, ...).
struct FilesystemState {
  uint64_t magic = 0, flags = 0;
};
Result<FilesystemState> filesystem_state(const Fd& fd);

}  // namespace holdfast
