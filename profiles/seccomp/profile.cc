#include "profiles/seccomp/profile.h"

#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "profiles/seccomp/sets.h"

namespace holdfast {
namespace {

using oci::SeccompAction;
using oci::SeccompArg;
using oci::SeccompOperator;

// What is denied, and what opens it again.
struct Denied {
  std::string_view set;
  int capability = -1;    // granted by an exception that names it
  bool nested = false;    // exception "nestedContainers"
  bool io_uring = false;  // exception "ioUring"
  bool optional = false;  // denied only where it is removed by name
};
constexpr Denied kDenied[] = {
    {.set = "@module", .capability = CAP_SYS_MODULE},
    {.set = "@reboot", .capability = CAP_SYS_BOOT},
    {.set = "@bpf", .capability = CAP_BPF},
    {.set = "@perf", .capability = CAP_PERFMON},
    {.set = "@mount", .capability = CAP_SYS_ADMIN, .nested = true},
    {.set = "@setns", .capability = CAP_SYS_ADMIN, .nested = true},
    {.set = "@hostname", .capability = CAP_SYS_ADMIN, .nested = true},
    {.set = "@keyring", .nested = true},
    {.set = "@userfault"},
    {.set = "@io-uring", .io_uring = true},
    {.set = "@handle", .capability = CAP_DAC_READ_SEARCH},
    {.set = "@swap", .capability = CAP_SYS_ADMIN},
    {.set = "@clock", .capability = CAP_SYS_TIME},
    {.set = "@quota", .capability = CAP_SYS_ADMIN},
    {.set = "@accounting", .capability = CAP_SYS_PACCT},
    {.set = "@raw-io", .capability = CAP_SYS_RAWIO},
    {.set = "@log", .capability = CAP_SYSLOG},
    {.set = "@notify", .capability = CAP_SYS_ADMIN},
    {.set = "@tty", .capability = CAP_SYS_TTY_CONFIG},
    {.set = "@obsolete"},
    {.set = "@ptrace", .capability = CAP_SYS_PTRACE, .optional = true},
    {.set = "@socketcall", .optional = true},
};

constexpr std::string_view kAllowed[] = {
    "@descriptor", "@file",  "@root",    "@mount-info", "@watch",   "@poll",      "@aio",
    "@memory",     "@numa",  "@process", "@identity",   "@limits",  "@scheduler", "@signal",
    "@time",       "@futex", "@ipc",     "@socket",     "@sandbox",
};

// clone's flags are the lower 32 bits of its argument; its 0x80 belongs to the signal, unshare's is a
// namespace (CLONE_NEWTIME).
constexpr uint64_t kCloneNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr uint64_t kUnshareNamespaces = kCloneNamespaces | CLONE_NEWTIME;

// The kernel takes an int from the 64-bit register: the upper half must not decide.
constexpr uint64_t kLowerHalf = 0xffffffff;

bool granted(const SeccompGrants& grants, int capability) {
  return capability >= 0 && (grants.capabilities >> capability & 1) != 0;
}

void add_names(oci::Strings& names, std::string_view set) {
  const auto calls = syscall_set(set);
  names.insert(names.end(), calls.begin(), calls.end());
}

bool is_removed(const SeccompGrants& grants, std::string_view name) {
  return std::find(grants.remove.begin(), grants.remove.end(), name) != grants.remove.end();
}

// What is removed by name and not one of the rows above: single calls, and sets that are open else.
oci::Strings removed_calls(const SeccompGrants& grants) {
  oci::Strings calls;
  for (const std::string& name : grants.remove) {
    const bool row = std::any_of(std::begin(kDenied), std::end(kDenied),
                                 [&](const Denied& denied) { return denied.set == name; });
    if (row || name == kPersonalitySet) continue;
    if (name.starts_with('@'))
      add_names(calls, name);
    else
      calls.push_back(name);
  }
  return calls;
}

bool is_open(const Denied& row, const SeccompGrants& grants) {
  return (row.optional && !is_removed(grants, row.set)) ||
         (row.nested && grants.nested_containers) || (row.io_uring && grants.io_uring) ||
         granted(grants, row.capability);
}

bool namespaces_open(const SeccompGrants& grants) {
  return grants.nested_containers || granted(grants, CAP_SYS_ADMIN);
}

void add_rule(oci::Seccomp& seccomp, std::string_view name, SeccompAction action,
              std::optional<uint32_t> errno_ret, std::vector<SeccompArg> args) {
  seccomp.syscalls.push_back({{std::string(name)}, action, errno_ret, std::move(args)});
}

SeccompArg masked(uint64_t mask, uint64_t value) {
  return {.index = 0, .value = mask, .value_two = value, .op = SeccompOperator::kMaskedEq};
}

void deny_bits(oci::Seccomp& seccomp, std::string_view name, uint64_t bits) {
  for (uint64_t bit = 1; bit != 0 && bit <= bits; bit <<= 1)
    if (bits & bit) add_rule(seccomp, name, SeccompAction::kErrno, EPERM, {masked(bit, bit)});
}

oci::Strings architectures(const SeccompGrants& grants) {
#if defined(__x86_64__)
  oci::Strings all{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
#elif defined(__aarch64__)
  oci::Strings all{"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#else
#error "the profiles' architectures are x86_64 and aarch64"
#endif
  all.insert(all.end(), grants.architectures.begin(), grants.architectures.end());
  return all;
}

// Socket families below 64 but for AF_ALG (38) and AF_VSOCK (40), as masks: two comparisons of one
// argument cannot stand in one rule.
static_assert(AF_ALG == 38 && AF_VSOCK == 40 && AF_MAX <= 64);
constexpr struct {
  uint64_t mask, value;
} kFamilies[] = {
    {0xffffffe0, 0},  {0xfffffffc, 32}, {0xfffffffe, 36}, {0xffffffff, 39},
    {0xffffffff, 41}, {0xfffffffe, 42}, {0xfffffffc, 44}, {0xfffffff0, 48},
};

// PER_LINUX, PER_LINUX32, each with UNAME26 or not, and the question what it is.
constexpr uint64_t kPersonalities[] = {0, 8, 0x20000, 0x20008, 0xffffffff};

}  // namespace

oci::Seccomp denylist(const SeccompGrants& grants) {
  oci::Seccomp seccomp;
  seccomp.default_action = SeccompAction::kAllow;
  seccomp.architectures = architectures(grants);
  oci::SeccompRule denied;
  denied.action = SeccompAction::kErrno;
  denied.errno_ret = EPERM;
  for (const Denied& row : kDenied)
    if (!is_open(row, grants)) add_names(denied.names, row.set);
  const oci::Strings removed = removed_calls(grants);
  denied.names.insert(denied.names.end(), removed.begin(), removed.end());
  seccomp.syscalls.push_back(std::move(denied));
  if (!namespaces_open(grants)) {
    deny_bits(seccomp, "clone", kCloneNamespaces);
    deny_bits(seccomp, "unshare", kUnshareNamespaces);
    // Its flags lie in memory. ENOSYS makes the C libraries fall back to clone.
    if (!grants.complain) add_rule(seccomp, "clone3", SeccompAction::kErrno, ENOSYS, {});
  }
  add_rule(seccomp, "socket", SeccompAction::kErrno, EPERM, {masked(kLowerHalf, AF_ALG)});
  add_rule(seccomp, "socket", SeccompAction::kErrno, EPERM, {masked(kLowerHalf, AF_VSOCK)});
  return seccomp;
}

oci::Seccomp allowlist(const SeccompGrants& grants) {
  oci::Seccomp seccomp;
  seccomp.default_action = SeccompAction::kErrno;
  seccomp.default_errno_ret = EPERM;
  seccomp.architectures = architectures(grants);
  oci::SeccompRule allowed;
  allowed.action = SeccompAction::kAllow;
  for (const std::string_view set : kAllowed) add_names(allowed.names, set);
  for (const Denied& row : kDenied)
    if (is_open(row, grants)) add_names(allowed.names, row.set);
  const bool personality = is_removed(grants, kPersonalitySet);
  if (personality) std::erase(allowed.names, "personality");
  const oci::Strings removed = removed_calls(grants);
  std::erase_if(allowed.names, [&](const std::string& name) {
    return std::find(removed.begin(), removed.end(), name) != removed.end();
  });
  const bool namespaces = namespaces_open(grants);
  if (namespaces || grants.complain) allowed.names.push_back("clone3");
  if (namespaces) {
    allowed.names.push_back("clone");
    allowed.names.push_back("unshare");
  }
  seccomp.syscalls.push_back(std::move(allowed));
  if (!namespaces) {
    add_rule(seccomp, "clone", SeccompAction::kAllow, {}, {masked(kCloneNamespaces, 0)});
    add_rule(seccomp, "unshare", SeccompAction::kAllow, {}, {masked(kUnshareNamespaces, 0)});
    if (!grants.complain) add_rule(seccomp, "clone3", SeccompAction::kErrno, ENOSYS, {});
  }
  for (const auto& family : kFamilies)
    add_rule(seccomp, "socket", SeccompAction::kAllow, {}, {masked(family.mask, family.value)});
  if (personality)
    for (const uint64_t value : kPersonalities)
      add_rule(seccomp, "personality", SeccompAction::kAllow, {}, {masked(kLowerHalf, value)});
  std::erase_if(seccomp.syscalls, [&](const oci::SeccompRule& rule) {
    return rule.action == SeccompAction::kAllow && rule.names.size() == 1 && rule.args.size() > 0 &&
           std::find(removed.begin(), removed.end(), rule.names[0]) != removed.end();
  });
  return seccomp;
}

}  // namespace holdfast
