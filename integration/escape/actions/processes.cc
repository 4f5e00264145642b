// Other processes of the container: their memory, their descriptors.
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

constexpr char kSecret[] = "hunter2";
char g_memory[16];  // the victim's holds the secret, the attacker's does not

// A victim that waits; killed when the action ends.
class Victim {
 public:
  Victim() {
    int ends[2];
    if (pipe(ends) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      strcpy(g_memory, kSecret);
      if (write(ends[1], "", 1) == 1) pause();
      _exit(0);
    }
    char ready;
    if (read(ends[0], &ready, 1) != 1) pid_ = -1;
    close(ends[0]);
    fd_ = ends[1];
  }
  ~Victim() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  pid_t pid() const { return pid_; }
  int fd() const { return fd_; }

 private:
  pid_t pid_ = -1;
  int fd_ = -1;
};

bool is_secret(const void* memory) { return memcmp(memory, kSecret, sizeof kSecret) == 0; }

Outcome read_memory() {
  const Victim victim;
  char seen[sizeof kSecret] = "";
  const iovec local{seen, sizeof seen};
  const iovec remote{g_memory, sizeof seen};
  const ssize_t length = process_vm_readv(victim.pid(), &local, 1, &remote, 1, 0);
  return by_effect(length, [&] { return is_secret(seen); });
}

Outcome read_memory_file() {
  const Victim victim;
  char path[64], seen[sizeof kSecret] = "";
  snprintf(path, sizeof path, "/proc/%d/mem", victim.pid());
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return denied();
  const ssize_t length =
      pread(fd, seen, sizeof seen, static_cast<off_t>(reinterpret_cast<uintptr_t>(g_memory)));
  return by_effect(length, [&] { return is_secret(seen); });
}

Outcome trace() {
  const Victim victim;
  if (ptrace(PTRACE_ATTACH, victim.pid(), nullptr, nullptr) != 0) return denied();
  waitpid(victim.pid(), nullptr, 0);
  errno = 0;
  const long word = ptrace(PTRACE_PEEKDATA, victim.pid(), g_memory, nullptr);
  static_assert(sizeof word == sizeof kSecret);
  return by_effect(errno == 0 ? 0 : -1, [&] { return is_secret(&word); });
}

Outcome take_descriptor() {
  const Victim victim;
  const long process = syscall(SYS_pidfd_open, victim.pid(), 0);
  if (process < 0) return denied();
  return by_result(syscall(SYS_pidfd_getfd, process, victim.fd(), 0));
}

Outcome compare() {
  const Victim victim;
  return by_result(syscall(SYS_kcmp, getpid(), victim.pid(), KCMP_FILE, victim.fd(), victim.fd()));
}

constexpr Action kActions[] = {
    {"process-vm-readv", "the memory of other processes", read_memory},
    {"proc-mem", "the same through /proc/PID/mem", read_memory_file},
    {"ptrace", "control of other processes", trace},
    {"pidfd-getfd", "the open files of other processes", take_descriptor},
    {"kcmp", "addresses in the kernel", compare},
};

}  // namespace

std::span<const Action> process_actions() { return kActions; }

}  // namespace holdfast::escape
