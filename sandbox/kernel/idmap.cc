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

constexpr size_t kStackSize = 16 << 10;

// On a stack of its own in the parent's memory: system calls alone, none of which fails and would set
// the errno that is the parent's.
int wait_for_death(void* argument) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A parent that ended before the line above cannot signal any more. (The pid is as the parent sees
  // it: there is no pid namespace among the new ones.)
  const auto parent = static_cast<pid_t>(reinterpret_cast<intptr_t>(argument));
  while (::getppid() == parent) ::pause();
  return 0;
}

}  // namespace

Result<NamespaceCarrier> NamespaceCarrier::start(uint64_t namespaces) {
  // Not cleared, so that only what is used of it is ever touched.
  auto stack = std::make_unique_for_overwrite<char[]>(kStackSize);
  int pidfd = -1;
  const int flags = static_cast<int>(namespaces) | CLONE_VM | CLONE_FILES | CLONE_PIDFD;
  const pid_t pid = ::clone(wait_for_death, stack.get() + kStackSize, flags,
                            reinterpret_cast<void*>(static_cast<intptr_t>(::getpid())), &pidfd);
  if (pid < 0) return os_error("make a user namespace");
  return NamespaceCarrier(pid, Fd(pidfd), std::move(stack));
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
