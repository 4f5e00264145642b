// The same doors by their other entries: i386's int 0x80 and socketcall, x32's numbers.
#include <linux/net.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

#if defined(__x86_64__)

// i386's numbers.
enum : long {
  kMount = 21,
  kPtrace = 26,
  kSocketcall = 102,
  kClone = 120,
  kKeyctl = 288,
  kUnshare = 310,
  kBpf = 357,
  kSocket = 359,
  kIoUringSetup = 425,
};

// Arguments lie below 4 GiB: the program is linked there, so its static data is.
unsigned g_words[8];
char g_type[] = "tmpfs";
char g_place[] = "/tmp";
unsigned char g_room[256];

long low(const void* address) { return reinterpret_cast<long>(address); }

long call32(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  long result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
               : "memory", "r8", "r9", "r10", "r11");
  const int value = static_cast<int>(result);
  if (value >= 0 || value < -4095) return value;
  errno = -value;
  return -1;
}

Outcome unshare_user() {
  const ino_t before = namespace_inode("user");
  const long result = call32(kUnshare, CLONE_NEWUSER);
  return by_effect(result, [&] { return namespace_inode("user") != before; });
}

Outcome clone_user() {
  const ino_t before = namespace_inode("user");
  const long child = call32(kClone, CLONE_NEWUSER | SIGCHLD);
  if (child == 0) _exit(namespace_inode("user") != before ? kProof : 0);
  if (child < 0) return denied();
  int status = 0;
  waitpid(static_cast<pid_t>(child), &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == kProof ? done() : no_effect();
}

Outcome mount_tmpfs() {
  return by_result(call32(kMount, low(g_type), low(g_place), low(g_type), 0, 0));
}

Outcome keyring() { return by_result(call32(kKeyctl, 0, -4, 1)); }

// BPF_MAP_CREATE of an array of one word.
Outcome bpf_map() {
  g_words[0] = 2;
  g_words[1] = g_words[2] = 4;
  g_words[3] = 1;
  return by_result(call32(kBpf, 0, low(g_words), 16));
}

Outcome ring() { return by_result(call32(kIoUringSetup, 4, low(g_room))); }

// PTRACE_TRACEME: let through, this process is traced by its parent from now on.
Outcome trace() { return by_result(call32(kPtrace, 0)); }

Outcome socket_of(int family, int type, int protocol) {
  return by_result(call32(kSocket, family, type, protocol));
}

Outcome socketcall_of(unsigned family, unsigned type, unsigned protocol) {
  g_words[0] = family;
  g_words[1] = type;
  g_words[2] = protocol;
  return by_result(call32(kSocketcall, SYS_SOCKET, low(g_words)));
}

Outcome x32_unshare() { return by_result(syscall(0x40000000L | SYS_unshare, CLONE_NEWUSER)); }

constexpr Action kActions[] = {
    {"i386-unshare-user", "every capability towards the kernel", unshare_user},
    {"i386-clone-user", "the same by clone", clone_user},
    {"i386-mount", "hide or replace files", mount_tmpfs},
    {"i386-keyctl", "the user's keyring, shared with the host", keyring},
    {"i386-bpf-map", "the kernel's virtual machine", bpf_map},
    {"i386-io-uring", "system calls that no filter sees", ring},
    {"i386-ptrace", "control of other processes", trace},
    {"i386-vsock", "the hypervisor, past the network's rules",
     [] { return socket_of(AF_VSOCK, SOCK_STREAM, 0); }},
    {"i386-raw-socket", "forged packets",
     [] { return socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP); }},
    {"socketcall-vsock", "the same, with arguments that no filter sees",
     [] { return socketcall_of(AF_VSOCK, SOCK_STREAM, 0); }},
    {"socketcall-alg", "the kernel's ciphers, a source of exploits",
     [] { return socketcall_of(AF_ALG, SOCK_SEQPACKET, 0); }},
    {"socketcall-raw", "forged packets",
     [] { return socketcall_of(AF_INET, SOCK_RAW, IPPROTO_ICMP); }},
    {"x32-unshare-user", "every capability towards the kernel", x32_unshare},
};

#endif

}  // namespace

#if defined(__x86_64__)
std::span<const Action> compat_actions() { return kActions; }
#else
std::span<const Action> compat_actions() { return {}; }
#endif

}  // namespace holdfast::escape
