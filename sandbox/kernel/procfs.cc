#include "sandbox/kernel/procfs.h"

#include "sandbox/kernel/mount_api.h"

namespace holdfast {
namespace {

constexpr uint64_t kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

Fd new_procfs() {
  const Fd filesystem = open_filesystem("proc");
  if (!filesystem) return {};
  if (!configure(filesystem, FSCONFIG_CMD_CREATE, nullptr, nullptr)) return {};
  return mount_filesystem(filesystem, kQuiet);
}

Result<DirFd> checked(Fd fd, const char* what) {
  HF_TRY(const bool real, is_procfs_root(fd));
  if (!real) return error("{} is not the root of a procfs", what);
  return DirFd(std::move(fd));
}

}  // namespace

Result<bool> is_procfs_root(const Fd& fd) {
  HF_TRY(const FilesystemState state, filesystem_state(fd));
  if (state.magic != kProcMagic) return false;
  HF_TRY(const Identity identity, identify(fd));
  return identity.inode == kProcRootInode;
}

Result<DirFd> private_procfs() {
  if (Fd fresh = new_procfs()) return checked(std::move(fresh), "the new procfs");
  // mount_too_revealing() in fs/namespace.c answers EPERM.
  if (errno != EPERM) return os_error("make a private procfs");
  if (Fd copy = clone_tree(AT_FDCWD, "/proc", AT_SYMLINK_NOFOLLOW))
    return checked(std::move(copy), "the copy of /proc");
  // EINVAL: parts of it are covered by mounts that this user namespace may not lift.
  if (errno != EPERM && errno != EINVAL) return os_error("copy /proc");
  Fd plain(::open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!plain) return os_error("open /proc");
  return checked(std::move(plain), "/proc");
}

}  // namespace holdfast
