#include "sandbox/supervise/confine.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

#include "sandbox/kernel/mount_api.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the supervisor's filter does not know this architecture"
#endif

constexpr uint32_t kAllowed[] = {
    // files that are open
    SYS_read,
    SYS_pread64,
    SYS_write,
    SYS_pwrite64,
    SYS_writev,
    SYS_pwritev,
    SYS_close,
    SYS_lseek,
    SYS_fstat,
    SYS_fstatfs,
    SYS_statx,
    SYS_readlinkat,
    SYS_fcntl,
    SYS_flock,
    SYS_fsync,
    SYS_fdatasync,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fchmod,
    SYS_dup,
    SYS_dup3,
    SYS_newfstatat,
    SYS_faccessat,
    SYS_renameat,
    SYS_renameat2,
    SYS_unlinkat,
    SYS_getdents64,
    SYS_pipe2,
    // waiting
    SYS_ppoll,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_eventfd2,
    SYS_futex,
    SYS_timerfd_settime,
    SYS_timerfd_gettime,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_restart_syscall,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_waitid,
    SYS_wait4,
    // sockets that are open
    SYS_accept4,
    SYS_recvmsg,
    SYS_recvfrom,
    SYS_sendmsg,
    SYS_sendto,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_shutdown,
    // processes
    SYS_kill,
    SYS_pidfd_send_signal,
    SYS_pidfd_open,
    SYS_getpid,
    SYS_gettid,
    SYS_getppid,
    SYS_tgkill,
    SYS_exit,
    SYS_exit_group,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_rseq,
    SYS_set_tid_address,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_geteuid,
    SYS_getuid,
    SYS_sched_yield,
    SYS_prlimit64,
    SYS_sched_getaffinity,
    // memory
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_getrandom,
#if defined(__x86_64__)
    SYS_poll,
    SYS_epoll_wait,
    SYS_dup2,
    SYS_time,
#endif
};

constexpr uint64_t kCapabilities =
    uint64_t{1} << CAP_DAC_READ_SEARCH | uint64_t{1} << CAP_SYS_PTRACE | uint64_t{1} << CAP_KILL;

constexpr sock_filter statement(uint16_t code, uint32_t value) { return {code, 0, 0, value}; }
constexpr sock_filter jump(uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
  return {code, yes, no, value};
}
constexpr sock_filter answer(uint32_t action) { return statement(BPF_RET | BPF_K, action); }
constexpr sock_filter load(size_t offset) {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
// The low half of an argument: all that these calls look at.
constexpr size_t argument(int number) {
  return offsetof(seccomp_data, args) + static_cast<size_t>(number) * 8;
}
constexpr sock_filter equal(uint32_t value, uint8_t yes, uint8_t no) {
  return jump(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}
constexpr sock_filter any_bit(uint32_t bits, uint8_t yes, uint8_t no) {
  return jump(BPF_JMP | BPF_JSET | BPF_K, bits, yes, no);
}

std::vector<sock_filter> make_filter(int procfs) {
  constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
  constexpr uint32_t kNamespaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                   CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  std::vector<sock_filter> filter{load(offsetof(seccomp_data, arch)), equal(kArchitecture, 1, 0),
                                  answer(SECCOMP_RET_KILL_PROCESS),
                                  load(offsetof(seccomp_data, nr))};
  for (const uint32_t call : kAllowed) {
    filter.push_back(equal(call, 0, 1));
    filter.push_back(answer(SECCOMP_RET_ALLOW));
  }
  // glibc asks for clone3 first: its flags cannot be seen.
  filter.insert(filter.end(), {equal(SYS_clone3, 0, 1), answer(SECCOMP_RET_ERRNO | ENOSYS)});
  filter.insert(filter.end(),
                {equal(SYS_clone, 0, 4), load(argument(0)), any_bit(kNamespaces, 0, 1),
                 answer(kRefuse), answer(SECCOMP_RET_ALLOW)});
  // Beneath a directory that is held; an absolute path ends in the empty root.
  filter.insert(filter.end(), {equal(SYS_openat, 0, 8), load(argument(0)),
                               equal(static_cast<uint32_t>(AT_FDCWD), 0, 1), answer(kRefuse),
                               equal(static_cast<uint32_t>(procfs), 0, 3), load(argument(2)),
                               any_bit(O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0, 1),
                               answer(kRefuse), answer(SECCOMP_RET_ALLOW)});
  filter.push_back(answer(kRefuse));
  return filter;
}

Result<> enter_empty_root() {
  const Fd made = open_filesystem("tmpfs");
  if (!made || !configure(made, FSCONFIG_CMD_CREATE, nullptr, nullptr))
    return os_error("make an empty root");
  const Fd root = mount_filesystem(
      made, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (!root) return os_error("mount the empty root");
  if (::fchdir(root.get()) != 0) return os_error("enter the empty root");
  if (::chroot(".") != 0) return os_error("chroot to the empty root");
  return {};
}

Result<> install(const std::vector<sock_filter>& filter) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return os_error("set no_new_privs");
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
    return os_error("load the supervisor's filter");
  return {};
}

}  // namespace

Result<> confine(const DirFd& procfs) {
  HF_DO(enter_empty_root());
  HF_TRY(const CapabilitySets own, own_capabilities());
  CapabilitySets sets;
  sets.permitted = sets.effective = own.permitted & kCapabilities;
  HF_DO(set_capabilities(sets));
  return install(make_filter(procfs.get()));
}

}  // namespace holdfast
