#include "sandbox/launch/cache_directory.h"

#include <sys/file.h>
#include <unistd.h>

#include <ctime>

namespace holdfast {
namespace {

constexpr int kLockAttempts = 2000;  // of 5 ms

}  // namespace

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

Result<DirFd> open_locked(const std::string& root) {
  HF_TRY(DirFd directory, open_cache(root));
  for (int attempt = 0; ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0; ++attempt) {
    if (errno != EWOULDBLOCK && errno != EINTR) return os_error("lock {}", root);
    if (attempt == kLockAttempts) return error("another process keeps {} locked", root);
    const timespec step{.tv_sec = 0, .tv_nsec = attempt == 0 ? 50'000 : 5'000'000};
    ::nanosleep(&step, nullptr);
  }
  return directory;
}

}  // namespace holdfast
