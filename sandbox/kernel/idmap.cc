#include "sandbox/kernel/idmap.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast {
namespace {

[[noreturn]] void wait_for_death(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A parent that ended before the line above cannot signal any more.
  if (::getppid() == parent)
    while (true) ::pause();
  ::_exit(0);
}

}  // namespace

Result<NamespaceCarrier> NamespaceCarrier::start(uint64_t namespaces) {
  clone_args args{};
  int pidfd = -1;
  args.flags = namespaces | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  const pid_t parent = ::getpid();
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return os_error("make a user namespace");
  if (pid == 0) wait_for_death(parent);
  return NamespaceCarrier(static_cast<pid_t>(pid), Fd(pidfd));
}

NamespaceCarrier::~NamespaceCarrier() {
  if (!pidfd_) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  // __WALL: it has no exit signal, so that no SIGCHLD reaches the caller.
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | __WALL) != 0 && errno == EINTR) {
  }
}

Result<DirFd> NamespaceCarrier::process() const {
  return DirFd::open(fmt::format("/proc/{}", pid_), O_PATH);
}

std::string id_map_text(const std::vector<oci::IdMapping>& mappings) {
  std::string text;
  for (const oci::IdMapping& each : mappings)
    text += fmt::format("{} {} {}\n", each.container_id, each.host_id, each.size);
  return text;
}

Result<Fd> NamespaceCarrier::map_ids(const std::vector<oci::IdMapping>& uids,
                                     const std::vector<oci::IdMapping>& gids) const {
  if (uids.empty() || gids.empty()) return error("id mappings of a mount are empty");
  HF_TRY(const DirFd directory, process());
  HF_DO(with_context(directory.write("uid_map", id_map_text(uids)), "uid mappings of a mount"));
  HF_DO(with_context(directory.write("gid_map", id_map_text(gids)), "gid mappings of a mount"));
  return directory.open_at("ns/user", O_RDONLY);
}

Result<Fd> make_user_namespace(const std::vector<oci::IdMapping>& uids,
                               const std::vector<oci::IdMapping>& gids) {
  if (uids.empty() || gids.empty()) return error("id mappings of a mount are empty");
  HF_TRY(const NamespaceCarrier carrier, NamespaceCarrier::start(CLONE_NEWUSER));
  return carrier.map_ids(uids, gids);
}

}  // namespace holdfast
