#include "shim/ctl/call_syntax.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include "core/base/text.h"

namespace holdfast::ctl {
namespace {

struct Constant {
  std::string_view name;
  uint64_t value;
};

#define HF_CONSTANT(name) \
  { #name, static_cast < uint64_t>(name) }
constexpr Constant kConstants[] = {
    // socket: families and types
    HF_CONSTANT(AF_UNSPEC),
    HF_CONSTANT(AF_UNIX),
    HF_CONSTANT(AF_LOCAL),
    HF_CONSTANT(AF_INET),
    HF_CONSTANT(AF_AX25),
    HF_CONSTANT(AF_IPX),
    HF_CONSTANT(AF_APPLETALK),
    HF_CONSTANT(AF_NETROM),
    HF_CONSTANT(AF_BRIDGE),
    HF_CONSTANT(AF_ATMPVC),
    HF_CONSTANT(AF_X25),
    HF_CONSTANT(AF_INET6),
    HF_CONSTANT(AF_ROSE),
    HF_CONSTANT(AF_KEY),
    HF_CONSTANT(AF_NETLINK),
    HF_CONSTANT(AF_PACKET),
    HF_CONSTANT(AF_RDS),
    HF_CONSTANT(AF_PPPOX),
    HF_CONSTANT(AF_LLC),
    HF_CONSTANT(AF_IB),
    HF_CONSTANT(AF_MPLS),
    HF_CONSTANT(AF_CAN),
    HF_CONSTANT(AF_TIPC),
    HF_CONSTANT(AF_BLUETOOTH),
    HF_CONSTANT(AF_IUCV),
    HF_CONSTANT(AF_RXRPC),
    HF_CONSTANT(AF_ISDN),
    HF_CONSTANT(AF_PHONET),
    HF_CONSTANT(AF_IEEE802154),
    HF_CONSTANT(AF_CAIF),
    HF_CONSTANT(AF_ALG),
    HF_CONSTANT(AF_NFC),
    HF_CONSTANT(AF_VSOCK),
    HF_CONSTANT(AF_KCM),
    HF_CONSTANT(AF_QIPCRTR),
    HF_CONSTANT(AF_SMC),
    HF_CONSTANT(AF_XDP),
    HF_CONSTANT(AF_MCTP),
    HF_CONSTANT(SOCK_STREAM),
    HF_CONSTANT(SOCK_DGRAM),
    HF_CONSTANT(SOCK_RAW),
    HF_CONSTANT(SOCK_RDM),
    HF_CONSTANT(SOCK_SEQPACKET),
    HF_CONSTANT(SOCK_DCCP),
    HF_CONSTANT(SOCK_PACKET),
    HF_CONSTANT(SOCK_CLOEXEC),
    HF_CONSTANT(SOCK_NONBLOCK),
    HF_CONSTANT(IPPROTO_ICMP),
    HF_CONSTANT(IPPROTO_TCP),
    HF_CONSTANT(IPPROTO_UDP),
    HF_CONSTANT(IPPROTO_RAW),
    // clone, unshare, setns
    HF_CONSTANT(CLONE_VM),
    HF_CONSTANT(CLONE_FS),
    HF_CONSTANT(CLONE_FILES),
    HF_CONSTANT(CLONE_SIGHAND),
    HF_CONSTANT(CLONE_PIDFD),
    HF_CONSTANT(CLONE_PTRACE),
    HF_CONSTANT(CLONE_VFORK),
    HF_CONSTANT(CLONE_PARENT),
    HF_CONSTANT(CLONE_THREAD),
    HF_CONSTANT(CLONE_NEWNS),
    HF_CONSTANT(CLONE_SYSVSEM),
    HF_CONSTANT(CLONE_SETTLS),
    HF_CONSTANT(CLONE_PARENT_SETTID),
    HF_CONSTANT(CLONE_CHILD_CLEARTID),
    HF_CONSTANT(CLONE_DETACHED),
    HF_CONSTANT(CLONE_UNTRACED),
    HF_CONSTANT(CLONE_CHILD_SETTID),
    HF_CONSTANT(CLONE_NEWCGROUP),
    HF_CONSTANT(CLONE_NEWUTS),
    HF_CONSTANT(CLONE_NEWIPC),
    HF_CONSTANT(CLONE_NEWUSER),
    HF_CONSTANT(CLONE_NEWPID),
    HF_CONSTANT(CLONE_NEWNET),
    HF_CONSTANT(CLONE_IO),
    HF_CONSTANT(CLONE_NEWTIME),
    // mmap, mprotect
    HF_CONSTANT(PROT_NONE),
    HF_CONSTANT(PROT_READ),
    HF_CONSTANT(PROT_WRITE),
    HF_CONSTANT(PROT_EXEC),
    HF_CONSTANT(MAP_SHARED),
    HF_CONSTANT(MAP_PRIVATE),
    HF_CONSTANT(MAP_FIXED),
    HF_CONSTANT(MAP_ANONYMOUS),
    // mount
    HF_CONSTANT(MS_RDONLY),
    HF_CONSTANT(MS_NOSUID),
    HF_CONSTANT(MS_NODEV),
    HF_CONSTANT(MS_NOEXEC),
    HF_CONSTANT(MS_REMOUNT),
    HF_CONSTANT(MS_BIND),
    HF_CONSTANT(MS_MOVE),
    HF_CONSTANT(MS_REC),
    HF_CONSTANT(MS_UNBINDABLE),
    HF_CONSTANT(MS_PRIVATE),
    HF_CONSTANT(MS_SLAVE),
    HF_CONSTANT(MS_SHARED),
    HF_CONSTANT(MNT_DETACH),
    // personality
    HF_CONSTANT(PER_LINUX),
    HF_CONSTANT(PER_LINUX32),
    HF_CONSTANT(PER_BSD),
    HF_CONSTANT(UNAME26),
    HF_CONSTANT(ADDR_NO_RANDOMIZE),
    HF_CONSTANT(MMAP_PAGE_ZERO),
    HF_CONSTANT(READ_IMPLIES_EXEC),
    HF_CONSTANT(ADDR_COMPAT_LAYOUT),
    HF_CONSTANT(SHORT_INODE),
    // ioctl
    HF_CONSTANT(TIOCSTI),
    HF_CONSTANT(TIOCLINUX),
    HF_CONSTANT(TIOCGWINSZ),
    HF_CONSTANT(TCGETS),
    // prctl, seccomp, ptrace, keyctl, bpf
    HF_CONSTANT(PR_SET_DUMPABLE),
    HF_CONSTANT(PR_SET_NO_NEW_PRIVS),
    HF_CONSTANT(PR_SET_SECCOMP),
    HF_CONSTANT(PR_CAPBSET_DROP),
    HF_CONSTANT(PR_SET_PTRACER),
    HF_CONSTANT(PR_SET_MM),
    HF_CONSTANT(SECCOMP_SET_MODE_STRICT),
    HF_CONSTANT(SECCOMP_SET_MODE_FILTER),
    HF_CONSTANT(PTRACE_TRACEME),
    HF_CONSTANT(PTRACE_PEEKDATA),
    HF_CONSTANT(PTRACE_POKEDATA),
    HF_CONSTANT(PTRACE_ATTACH),
    HF_CONSTANT(PTRACE_SEIZE),
    HF_CONSTANT(KEYCTL_GET_KEYRING_ID),
    HF_CONSTANT(KEYCTL_JOIN_SESSION_KEYRING),
    HF_CONSTANT(KEYCTL_READ),
    HF_CONSTANT(BPF_MAP_CREATE),
    HF_CONSTANT(BPF_PROG_LOAD),
    // kill
    HF_CONSTANT(SIGHUP),
    HF_CONSTANT(SIGINT),
    HF_CONSTANT(SIGKILL),
    HF_CONSTANT(SIGTERM),
    HF_CONSTANT(SIGCHLD),
    HF_CONSTANT(SIGSTOP),
    // the directory of the *at calls
    HF_CONSTANT(AT_FDCWD),
};
#undef HF_CONSTANT

Result<uint64_t> term(std::string_view text) {
  if (text.empty()) return error("a value is missing");
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  const bool hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
  if (hexadecimal) digits.remove_prefix(2);
  if (const auto value = parse_number<uint64_t>(digits, hexadecimal ? 16 : 10))
    return negative ? 0 - *value : *value;
  if (const auto value = call_constant(text)) return *value;
  if (text.find_first_of("\"'&") != std::string_view::npos)
    return error("\"{}\": filters see numbers only, no strings or pointers", text);
  return error("unknown constant \"{}\": write its number", text);
}

Result<uint64_t> argument(std::string_view text) {
  uint64_t value = 0;
  for (;;) {
    const size_t bar = std::min(text.find('|'), text.size());
    HF_TRY(const uint64_t one, term(trim(text.substr(0, bar))));
    value |= one;
    if (bar == text.size()) return value;
    text.remove_prefix(bar + 1);
  }
}

}  // namespace

std::optional<uint64_t> call_constant(std::string_view name) {
  for (const Constant& constant : kConstants)
    if (constant.name == name) return constant.value;
  return std::nullopt;
}

Result<CallText> parse_call(std::string_view text) {
  CallText call;
  text = trim(text);
  const size_t open = std::min(text.find('('), text.size());
  call.name = trim(text.substr(0, open));
  if (call.name.empty()) return error("\"{}\": no system call is named", text);
  if (call.name.find_first_of(" ,)") != std::string::npos)
    return error("\"{}\": expected a call like socket(AF_VSOCK)", text);
  if (open == text.size()) return call;
  if (!text.ends_with(')')) return error("\"{}\": the closing parenthesis is missing", text);
  const std::string_view inside = trim(text.substr(open + 1, text.size() - open - 2));
  if (inside.empty()) return call;
  const auto parts = split(inside, ',');
  if (parts.size() > call.args.size())
    return error("\"{}\": a system call has six arguments at most", text);
  for (size_t i = 0; i < parts.size(); ++i) {
    HF_TRY(call.args[i], with_context(argument(parts[i]), "\"{}\": argument {}", text, i + 1));
  }
  return call;
}

}  // namespace holdfast::ctl
