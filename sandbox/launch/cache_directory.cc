#include "sandbox/launch/cache_directory.h"

#include <unistd.h>

namespace holdfast {

bool only_ours(const struct stat& info) {
  return info.st_uid == ::geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

Result<DirFd> open_cache(const std::string& root) {
  DirFd directory;
  if (auto there = DirFd::open(root, O_RDONLY | O_NOFOLLOW); there) {
    directory = std::move(*there);
  } else if (there.error().code == ENOENT) {
    const std::string parent = root.substr(0, root.rfind('/'));
    if (::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) return os_error("mkdir {}", parent);
    if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) return os_error("mkdir {}", root);
    HF_TRY(directory, DirFd::open(root, O_RDONLY | O_NOFOLLOW));
  } else {
    return Failure(std::move(there).error());
  }
  struct stat info {};
  if (::fstat(directory.get(), &info) != 0) return os_error("stat {}", root);
  if (!only_ours(info)) return error("{} belongs to another user or is writable by others", root);
  return directory;
}

}  // namespace holdfast
