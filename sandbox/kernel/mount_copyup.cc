#include "sandbox/kernel/mount_copyup.h"

#include <dirent.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <memory>
#include <string>

namespace holdfast {
namespace {

// An image's directory chain costs us stack and descriptors: bounded.
constexpr int kDepthLimit = 256;

Result<> copy_directory(int from, int to, int depth);

Result<> copy_bytes(const Fd& from, const Fd& to) {
  while (true) {
    const ssize_t sent = ::sendfile(to.get(), from.get(), nullptr, 1 << 20);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return os_error("copy");
    if (sent == 0) return {};
  }
}

// What the tmpfs cannot hold (ENOTSUP) or we may not set (EPERM, in a user namespace) is left out,
// as cp -a does.
Result<> copy_attributes(const Fd& from, const Fd& to) {
  char names[4096];
  char value[4096];
  const ssize_t size = ::flistxattr(from.get(), names, sizeof names);
  if (size < 0) {
    if (errno == ENOTSUP) return {};
    return os_error("list attributes");
  }
  for (const char* name = names; name < names + size; name += std::string_view(name).size() + 1) {
    const ssize_t length = ::fgetxattr(from.get(), name, value, sizeof value);
    if (length < 0) {
      if (errno == ENODATA) continue;
      return os_error("read attribute {}", name);
    }
    if (::fsetxattr(to.get(), name, value, static_cast<size_t>(length), 0) != 0 &&
        errno != ENOTSUP && errno != EPERM)
      return os_error("set attribute {}", name);
  }
  return {};
}

Result<> copy_owner_and_mode(const Fd& from, const Fd& to, const struct stat& info) {
  // The owner first: chown takes set-id bits and file capabilities away.
  if (::fchown(to.get(), info.st_uid, info.st_gid) != 0) return os_error("chown");
  if (::fchmod(to.get(), info.st_mode & 07777) != 0) return os_error("chmod");
  HF_DO(copy_attributes(from, to));
  const timespec times[2] = {info.st_atim, info.st_mtim};
  if (::futimens(to.get(), times) != 0) return os_error("set times");
  return {};
}

Result<> copy_file(int from, int to, const char* name) {
  const Fd source(::openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!source) return os_error("open");
  struct stat info {};
  if (::fstat(source.get(), &info) != 0) return os_error("stat");
  if (!S_ISREG(info.st_mode)) return error("was replaced while it was copied");
  const Fd copy(::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!copy) return os_error("create");
  HF_DO(copy_bytes(source, copy));
  return copy_owner_and_mode(source, copy, info);
}

Result<> copy_subdirectory(int from, int to, const char* name, int depth) {
  const Fd source(::openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!source) return os_error("open");
  struct stat info {};
  if (::fstat(source.get(), &info) != 0) return os_error("stat");
  if (::mkdirat(to, name, 0700) != 0) return os_error("mkdir");
  const Fd copy(::openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!copy) return os_error("open the copy");
  HF_DO(copy_directory(source.get(), copy.get(), depth + 1));
  return copy_owner_and_mode(source, copy, info);
}

Result<> copy_link(int from, int to, const char* name, const struct stat& info) {
  char value[PATH_MAX];
  const ssize_t length = ::readlinkat(from, name, value, sizeof value - 1);
  if (length < 0) return os_error("read link");
  value[length] = '\0';
  if (::symlinkat(value, to, name) != 0) return os_error("symlink");
  if (::fchownat(to, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
    return os_error("chown");
  return {};
}

Result<> copy_node(int from, int to, const char* name, int depth) {
  struct stat info {};
  if (::fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return os_error("stat");
  switch (info.st_mode & S_IFMT) {
    case S_IFREG:
      return copy_file(from, to, name);
    case S_IFDIR:
      return copy_subdirectory(from, to, name, depth);
    case S_IFLNK:
      return copy_link(from, to, name, info);
    case S_IFSOCK:
      return {};  // nobody listens on a copy
    default:
      if (::mknodat(to, name, info.st_mode, info.st_rdev) != 0) return os_error("mknod");
      if (::fchownat(to, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        return os_error("chown");
      return {};
  }
}

Result<> copy_directory(int from, int to, int depth) {
  if (depth > kDepthLimit) return error("more than {} directories deep", kDepthLimit);
  const int raw = ::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (raw < 0) return os_error("list");
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(raw), &::closedir);
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) return errno == 0 ? Result<>{} : Result<>(os_error("list"));
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    HF_DO(with_context(copy_node(from, to, entry->d_name, depth), "{}", name));
  }
}

}  // namespace

Result<> copy_tree(const Fd& from, const Fd& to) {
  const Fd target(::openat(to.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!target) return os_error("open the tmpfs");
  return copy_directory(from.get(), target.get(), 0);
}

}  // namespace holdfast
