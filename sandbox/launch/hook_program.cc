#include "sandbox/launch/hook_program.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.h"

namespace holdfast {
namespace {

constexpr size_t kMaxProgram = 256 << 20;

// Root's as we see it: where root is not mapped, the overflow uid that "/" shows. (A hook of a container
// with a user namespace is looked at by the runtime as well, which sees who it is.)
bool is_trusted(uid_t owner) {
  if (owner == 0 || owner == ::geteuid()) return true;
  struct stat root {};
  return ::stat("/", &root) == 0 && root.st_uid != 0 && owner == root.st_uid;
}

Result<> check(const struct stat& info, const std::string& path) {
  if (!is_trusted(info.st_uid))
    return error("{} belongs to uid {}, not to root", path, info.st_uid);
  const bool open = (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (open && !(S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX)))
    return error("others than root can write to {}", path);
  return {};
}

Result<> check_directories(const std::string& path) {
  for (size_t slash = path.rfind('/'); slash != std::string::npos;
       slash = slash == 0 ? std::string::npos : path.rfind('/', slash - 1)) {
    const std::string directory = slash == 0 ? "/" : path.substr(0, slash);
    struct stat info {};
    if (::lstat(directory.c_str(), &info) != 0) return os_error("stat {}", directory);
    HF_DO(check(info, directory));
  }
  return {};
}

Result<std::string> path_of(const Fd& fd) {
  char path[PATH_MAX];
  const std::string link = fmt::format("/proc/self/fd/{}", fd.get());
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
  if (length < 0) return os_error("where it lies");
  if (length == sizeof path) return error("its path is too long");
  return std::string(path, static_cast<size_t>(length));
}

Result<> check_content(const Fd& fd, const std::string& expected) {
  HF_TRY(const std::string content, read_all(fd, kMaxProgram));
  const std::string found = sha256_hex(content);
  if (found != expected)
    return error("its content is sha256:{}, and the policy allows sha256:{}", found, expected);
  return {};
}

}  // namespace

Result<HookProgram> open_hook_program(const oci::Hook& hook) {
  HookProgram program;
  program.fd = Fd(::open(hook.path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!program.fd) return os_error("open");
  struct stat info {};
  if (::fstat(program.fd.get(), &info) != 0) return os_error("stat");
  if (!S_ISREG(info.st_mode)) return error("not a regular file");
  HF_TRY(program.path, path_of(program.fd));
  if (hook.trusted) {
    HF_DO(with_context(check(info, program.path), "not trusted"));
    HF_DO(with_context(check_directories(program.path), "not trusted"));
  }
  char magic[2] = {};
  program.script =
      ::pread(program.fd.get(), magic, 2, 0) == 2 && magic[0] == '#' && magic[1] == '!';
  if (!hook.sha256.empty()) HF_DO(check_content(program.fd, hook.sha256));
  return program;
}

}  // namespace holdfast
