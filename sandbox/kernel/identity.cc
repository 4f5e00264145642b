#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/kernel/process.h"

namespace holdfast {

Result<> set_user(const oci::User& user, bool rootless) {
  if (::setgroups(user.additional_gids.size(), user.additional_gids.data()) != 0) {
    const bool denied = rootless && errno == EPERM;
    if (denied && !user.additional_gids.empty())
      return os_error("set additional groups in this user namespace");
    if (!denied) return os_error("set {} additional groups", user.additional_gids.size());
  }
  // (gid_t)-1 means "leave it" to setresgid(2): it would keep the caller's id.
  if (user.gid == UINT32_MAX || user.uid == UINT32_MAX)
    return error("set user {}:{}: not a valid id", user.uid, user.gid);
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return os_error("set gid {}", user.gid);
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return os_error("set uid {}", user.uid);
  ::umask(static_cast<mode_t>(user.umask.value_or(0022)));
  return {};
}

Result<> give_pipes(uint32_t uid) {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
      if (errno == EBADF) continue;
      return os_error("stat descriptor {}", fd);
    }
    if (!S_ISFIFO(info.st_mode) || info.st_uid == uid) continue;
    // EPERM, EINVAL: the pipe's owner has no id in our user namespace. The program can then use the
    // pipe, but not open it again.
    if (::fchown(fd, uid, static_cast<gid_t>(-1)) != 0 && errno != EPERM && errno != EINVAL)
      return os_error("give descriptor {} to uid {}", fd, uid);
  }
  return {};
}

}  // namespace holdfast
