#include "sandbox/audit/trust.h"

#include <unistd.h>

namespace holdfast {
namespace {

Result<> check_owner(const struct stat& info, const std::string& path) {
  if (info.st_uid != ::geteuid())
    return error("{}: it belongs to uid {}, not to {}", path, info.st_uid, ::geteuid());
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return error("{}: others can write to it (chmod go-w {})", path, path);
  return {};
}

}  // namespace

Result<> check_log_directory(const Fd& directory, const std::string& path) {
  struct stat info {};
  if (::fstat(directory.get(), &info) != 0) return os_error("stat {}", path);
  return check_owner(info, path);
}

Result<> check_log_file(const Fd& file, const std::string& path) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return os_error("stat {}", path);
  if (!S_ISREG(info.st_mode)) return error("{}: not a regular file", path);
  // One that was linked elsewhere would be read, or made to grow, under another name.
  if (info.st_nlink > 1) return error("{}: it has {} names", path, info.st_nlink);
  return check_owner(info, path);
}

}  // namespace holdfast
