// Namespaces: a new user namespace gives every capability towards a large part of the kernel.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

Outcome unshared(int flag, const char* type) {
  const ino_t before = namespace_inode(type);
  const int result = unshare(flag);
  return by_effect(result, [&] { return namespace_inode(type) != before; });
}

// A child that compares: its namespace must be another than its parent's.
Outcome judged(long child, ino_t before, const char* type) {
  if (child == 0) _exit(namespace_inode(type) != before ? kProof : 0);
  if (child < 0) return denied();
  int status = 0;
  waitpid(static_cast<pid_t>(child), &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == kProof ? done() : no_effect();
}

Outcome cloned(unsigned long flag, const char* type) {
  const ino_t before = namespace_inode(type);
  return judged(syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0), before, type);
}

Outcome cloned3() {
  const ino_t before = namespace_inode("user");
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  return judged(syscall(SYS_clone3, &arguments, sizeof arguments), before, "user");
}

// Its own, since no other is in sight: what is asked is whether it may.
Outcome entered(const char* path, int flag) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd < 0 ? denied() : by_result(setns(fd, flag));
}

Outcome renamed() {
  const int result = sethostname("attacker", 8);
  utsname seen{};
  return by_effect(result,
                   [&] { return uname(&seen) == 0 && strcmp(seen.nodename, "attacker") == 0; });
}

constexpr Action kActions[] = {
    {"unshare-user", "every capability towards the kernel",
     [] { return unshared(CLONE_NEWUSER, "user"); }},
    {"unshare-mount", "mounts of one's own", [] { return unshared(CLONE_NEWNS, "mnt"); }},
    {"unshare-net", "packet filters and queues of one's own",
     [] { return unshared(CLONE_NEWNET, "net"); }},
    {"clone-user", "the same by clone", [] { return cloned(CLONE_NEWUSER, "user"); }},
    {"clone3-user", "the same by clone3, whose flags no filter sees", cloned3},
    {"setns", "other containers, the host",
     [] { return entered("/proc/self/ns/uts", CLONE_NEWUTS); }},
    {"setns-init-mount", "the mounts of process 1",
     [] { return entered("/proc/1/ns/mnt", CLONE_NEWNS); }},
    {"sethostname", "a name that others trust", renamed},
};

}  // namespace

std::span<const Action> namespace_actions() { return kActions; }

}  // namespace holdfast::escape
