#include "sandbox/kernel/mount_api.h"

#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

namespace holdfast {

Fd clone_tree(int directory, const char* path, unsigned flags) {
  return Fd(::open_tree(directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
}

bool attach_mount(const Fd& mount, const Fd& target) {
  return ::move_mount(mount.get(), "", target.get(), "",
                      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0;
}

bool change_mount(const Fd& mount, const MountChange& change, Reach reach) {
  struct mount_attr request {};
  request.attr_set = change.set;
  request.attr_clr = change.clear;
  request.propagation = change.propagation;
  if (change.user_namespace >= 0) {
    request.attr_set |= MOUNT_ATTR_IDMAP;
    request.userns_fd = static_cast<uint64_t>(change.user_namespace);
  }
  const unsigned flags = AT_EMPTY_PATH | (reach == Reach::kTree ? AT_RECURSIVE : 0U);
  return ::mount_setattr(mount.get(), "", flags, &request, sizeof request) == 0;
}

Fd open_filesystem(const char* type) { return Fd(::fsopen(type, FSOPEN_CLOEXEC)); }

bool configure(const Fd& filesystem, unsigned command, const char* key, const char* value) {
  return ::fsconfig(filesystem.get(), command, key, value, 0) == 0;
}

Fd mount_filesystem(const Fd& filesystem, uint64_t attributes) {
  return Fd(::fsmount(filesystem.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
}

std::string filesystem_message(const Fd& filesystem) {
  // fsopen(2): each read takes one message, "e tmpfs: Bad value for 'size'"; errors begin with "e
  // ".
  char message[512];
  const int code = errno;
  std::string text;
  while (true) {
    const ssize_t got = ::read(filesystem.get(), message, sizeof message);
    if (got <= 0) break;
    std::string_view line(message, static_cast<size_t>(got));
    if (!line.starts_with("e ")) continue;
    line.remove_prefix(2);
    while (!line.empty() && (line.back() == '\n' || line.back() == '.')) line.remove_suffix(1);
    text += text.empty() ? "" : "; ";
    text += line;
  }
  errno = code;
  return text;
}

Result<Identity> identify(const Fd& fd) {
  struct statx info {};
  if (::statx(fd.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &info) != 0)
    return os_error("statx");
  Identity identity;
  identity.mount_id = info.stx_mnt_id;
  identity.inode = info.stx_ino;
  identity.device_major = info.stx_dev_major;
  identity.device_minor = info.stx_dev_minor;
  identity.special_major = info.stx_rdev_major;
  identity.special_minor = info.stx_rdev_minor;
  identity.mode = info.stx_mode;
  identity.uid = info.stx_uid;
  identity.gid = info.stx_gid;
  identity.mount_root = (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  return identity;
}

Result<FilesystemState> filesystem_state(const Fd& fd) {
  struct statfs info {};
  if (::fstatfs(fd.get(), &info) != 0) return os_error("statfs");
  return FilesystemState{static_cast<uint64_t>(info.f_type), static_cast<uint64_t>(info.f_flags)};
}

}  // namespace holdfast
