#include "profiles/seccomp/profile.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>

#include "profiles/seccomp/filter.h"
#include "profiles/seccomp/library.h"
#include "profiles/seccomp/newer_calls.h"
#include "profiles/seccomp/sets.h"

namespace holdfast {
namespace {

const SeccompGrants kRestricted{.remove = {"@personality", "@ptrace", "@socketcall"}};

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kEnosys = SECCOMP_RET_ERRNO | ENOSYS;
constexpr uint64_t kUpper = uint64_t{1} << 32;

struct Abi {
  const char* name;
  uint32_t arch;   // AUDIT_ARCH_*
  uint32_t token;  // libseccomp's
};
constexpr Abi kAbis[] = {{"x86_64", AUDIT_ARCH_X86_64, AUDIT_ARCH_X86_64},
                         {"i386", AUDIT_ARCH_I386, AUDIT_ARCH_I386},
                         {"aarch64", AUDIT_ARCH_AARCH64, AUDIT_ARCH_AARCH64},
                         {"arm", AUDIT_ARCH_ARM, AUDIT_ARCH_ARM}};

// Every architecture that a profile of ours covers anywhere, in one filter.
SeccompGrants everywhere(SeccompGrants grants = {}) {
  grants.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64",
                          "SCMP_ARCH_ARM"};
  return grants;
}

Filter compiled(const oci::Seccomp& description, CompileOptions options = {.own = true}) {
  auto filter = compile(description, options);
  EXPECT_TRUE(filter) << filter.error().message;
  return filter ? *filter : Filter{};
}

std::optional<uint32_t> number_on(const Abi& abi, std::string_view name) {
  const std::string text(name);
  // libseccomp has a name of its own for calls that go through socketcall, too; the direct one is meant.
  if (abi.arch == AUDIT_ARCH_I386 && name == "socket") return 359;
  if (const auto number = seccomp::call_number(abi.token, text)) return number;
  return seccomp::call_number(text) ? std::nullopt : newer_call(name);
}

uint32_t answer(const Filter& filter, const Abi& abi, std::string_view name,
                std::array<uint64_t, 6> args = {}) {
  const auto number = number_on(abi, name);
  if (!number) return UINT32_MAX;
  return verdict(filter, {.arch = abi.arch, .nr = static_cast<int32_t>(*number), .args = args});
}

// The set answers this on every architecture that has the call; at least one has.
void expect_set(const Filter& filter, std::string_view set, uint32_t expected) {
  ASSERT_FALSE(syscall_set(set).empty()) << set;
  for (const std::string_view name : syscall_set(set)) {
    for (const Abi& abi : kAbis) {
      if (!number_on(abi, name)) continue;
      EXPECT_EQ(answer(filter, abi, name), expected) << abi.name << " " << name;
    }
  }
}

constexpr std::string_view kAlwaysDenied[] = {
    "@module",     "@reboot",    "@bpf",      "@perf",   "@mount", "@setns",   "@hostname",
    "@keyring",    "@userfault", "@io-uring", "@handle", "@swap",  "@clock",   "@quota",
    "@accounting", "@raw-io",    "@log",      "@notify", "@tty",   "@obsolete"};

TEST(BaselineDenylist, DeniesItsSetsOnEveryArchitecture) {
  const Filter filter = compiled(denylist(everywhere()));
  for (const auto set : kAlwaysDenied) expect_set(filter, set, kEperm);
}

TEST(BaselineDenylist, LetsEverythingElseThrough) {
  const Filter filter = compiled(denylist(everywhere()));
  for (const SyscallSet& set : all_syscall_sets()) {
    if (std::find(std::begin(kAlwaysDenied), std::end(kAlwaysDenied), set.name) !=
        std::end(kAlwaysDenied))
      continue;
    expect_set(filter, set.name, kAllow);
  }
  // Calls that nobody knows yet are the engine's business.
  for (const Abi& abi : kAbis)
    EXPECT_EQ(verdict(filter, {.arch = abi.arch, .nr = 900}), kAllow) << abi.name;
}

TEST(BaselineDenylist, DeniesNamespacesByTheirFlagsAndNothingElse) {
  const Filter filter = compiled(denylist(everywhere()));
  for (const Abi& abi : kAbis) {
    for (const uint64_t flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET}) {
      EXPECT_EQ(answer(filter, abi, "clone", {flag | 17}), kEperm) << abi.name << flag;
      EXPECT_EQ(answer(filter, abi, "clone", {flag | CLONE_VM | kUpper}), kEperm)
          << abi.name << flag;
      EXPECT_EQ(answer(filter, abi, "unshare", {flag | CLONE_FS}), kEperm) << abi.name << flag;
    }
    EXPECT_EQ(answer(filter, abi, "unshare", {CLONE_NEWTIME}), kEperm) << abi.name;
    EXPECT_EQ(answer(filter, abi, "unshare", {CLONE_FS | CLONE_FILES}), kAllow) << abi.name;
    EXPECT_EQ(answer(filter, abi, "clone", {0x3d0f00}), kAllow) << abi.name;  // pthread_create
    EXPECT_EQ(answer(filter, abi, "clone", {17 | 0x80}), kAllow) << abi.name;
    EXPECT_EQ(answer(filter, abi, "clone3"), kEnosys) << abi.name;
  }
}

TEST(BaselineDenylist, DeniesTwoFamiliesWhateverTheUpperHalfSays) {
  const Filter filter = compiled(denylist(everywhere()));
  for (const Abi& abi : kAbis) {
    for (const uint64_t family : {AF_VSOCK, AF_ALG}) {
      EXPECT_EQ(answer(filter, abi, "socket", {family}), kEperm) << abi.name;
      EXPECT_EQ(answer(filter, abi, "socket", {family | kUpper}), kEperm) << abi.name;
    }
    for (const uint64_t family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_XDP})
      EXPECT_EQ(answer(filter, abi, "socket", {family}), kAllow) << abi.name << family;
  }
}

TEST(BaselineDenylist, RejectsX32AndForeignArchitecturesWithEnosys) {
  for (const oci::Seccomp& description : {denylist({}), allowlist({}), denylist(kRestricted)}) {
    const Filter filter = compiled(description);
    for (const int nr : {0, 1, 59, 165, 520}) {
      EXPECT_EQ(verdict(filter, {.arch = AUDIT_ARCH_X86_64, .nr = 0x40000000 | nr}), kEnosys) << nr;
      EXPECT_EQ(verdict(filter, {.arch = AUDIT_ARCH_S390X, .nr = nr}), kEnosys) << nr;
    }
    // As a kernel takes them: a filter without the option ends the program.
    EXPECT_EQ(verdict(compiled(description, {}), {.arch = AUDIT_ARCH_S390X, .nr = 1}),
              SECCOMP_RET_KILL_THREAD);
  }
}

TEST(Exceptions, OpenTheirPartOnly) {
  const Filter nested = compiled(denylist(everywhere({.nested_containers = true})));
  for (const auto set : {"@mount", "@setns", "@hostname", "@keyring"})
    expect_set(nested, set, kAllow);
  for (const auto set : {"@module", "@reboot", "@bpf", "@io-uring"})
    expect_set(nested, set, kEperm);
  const Filter ring = compiled(denylist(everywhere({.io_uring = true})));
  expect_set(ring, "@io-uring", kAllow);
  expect_set(ring, "@mount", kEperm);
  for (const Abi& abi : kAbis) {
    EXPECT_EQ(answer(nested, abi, "clone", {CLONE_NEWUSER}), kAllow);
    EXPECT_EQ(answer(nested, abi, "unshare", {CLONE_NEWUSER}), kAllow);
    EXPECT_EQ(answer(nested, abi, "clone3"), kAllow);
    EXPECT_EQ(answer(nested, abi, "socket", {AF_VSOCK}), kEperm);
    EXPECT_EQ(answer(ring, abi, "clone", {CLONE_NEWUSER}), kEperm);
  }
}

TEST(Exceptions, ACapabilityThatWasGrantedOpensItsCalls) {
  const Filter filter = compiled(denylist(everywhere({.capabilities = 1u << 16 /* SYS_MODULE */})));
  expect_set(filter, "@module", kAllow);
  expect_set(filter, "@mount", kEperm);
}

TEST(Restricted, ClosesDebuggersAndSocketcall) {
  const Filter deny = compiled(denylist(everywhere(kRestricted)));
  const Filter allow = compiled(allowlist(everywhere(kRestricted)));
  for (const auto set : {"@ptrace", "@socketcall"}) {
    expect_set(deny, set, kEperm);
    expect_set(allow, set, kEperm);
    expect_set(compiled(allowlist(everywhere())), set, kAllow);
  }
  const uint64_t no_randomize = 0x0040000;
  for (const Abi& abi : kAbis) {
    EXPECT_EQ(answer(allow, abi, "personality", {no_randomize}), kEperm) << abi.name;
    EXPECT_EQ(answer(allow, abi, "personality", {0xffffffff}), kAllow) << abi.name;
    EXPECT_EQ(answer(allow, abi, "personality", {0}), kAllow) << abi.name;
  }
}

TEST(Restricted, ClosesSocketcallWhateverItsOperation) {
  const Filter deny = compiled(denylist(kRestricted));
  const Filter allow = compiled(allowlist(kRestricted));
  const Filter baseline = compiled(allowlist({}));
  for (uint64_t operation = 0; operation < 22; ++operation) {  // SYS_SOCKET .. SYS_SENDMMSG
    const SystemCall call{.arch = AUDIT_ARCH_I386, .nr = 102, .args = {operation}};
#if defined(__x86_64__)
    EXPECT_EQ(verdict(deny, call), kEperm) << operation;
    EXPECT_EQ(verdict(allow, call), kEperm) << operation;
    EXPECT_EQ(verdict(baseline, call), kAllow) << operation;
#else
    EXPECT_EQ(verdict(allow, call), kEnosys) << operation;  // a foreign architecture
#endif
  }
  // The direct calls, whose family can be seen, stay: 359 is socket, 362 connect.
  const Filter everything = compiled(allowlist(everywhere(kRestricted)));
  EXPECT_EQ(answer(everything, kAbis[1], "socket", {AF_INET}), kAllow);
  EXPECT_EQ(verdict(everything, {.arch = AUDIT_ARCH_I386, .nr = 362}), kAllow);
}

// Nothing that the denylist denies gets through the allowlist, on any call, with arguments that matter.
TEST(Allowlist, IsNeverLooserThanTheDenylist) {
  for (const bool restricted : {false, true}) {
    const Filter deny = compiled(denylist(everywhere(restricted ? kRestricted : SeccompGrants{})));
    const Filter allow =
        compiled(allowlist(everywhere(restricted ? kRestricted : SeccompGrants{})));
    for (const Abi& abi : kAbis) {
      for (int32_t nr = 0; nr < 1024; ++nr) {
        for (const uint64_t arg :
             {uint64_t{0}, uint64_t{CLONE_NEWUSER}, uint64_t{CLONE_NEWTIME}, uint64_t{AF_ALG},
              AF_VSOCK | kUpper, uint64_t{1}, uint64_t{17}, uint64_t{40}}) {
          const SystemCall call{.arch = abi.arch, .nr = nr, .args = {arg}};
          if (verdict(deny, call) == kAllow) continue;
          EXPECT_NE(verdict(allow, call), kAllow) << abi.name << " " << nr << " " << arg;
        }
      }
    }
  }
}

TEST(Allowlist, AllowsItsSetsAndAnswersEnosysToWhatIsNewer) {
  const Filter filter = compiled(allowlist(everywhere()));
  for (const auto set : {"@descriptor", "@file", "@poll", "@memory", "@identity", "@signal",
                         "@futex", "@socket", "@time", "@ipc", "@sandbox", "@mount-info", "@root"})
    expect_set(filter, set, kAllow);
  for (const auto set : kAlwaysDenied) expect_set(filter, set, kEperm);
  for (const Abi& abi : kAbis) {
    EXPECT_EQ(verdict(filter, {.arch = abi.arch, .nr = 600}), kEnosys) << abi.name;
    EXPECT_EQ(answer(filter, abi, "clone", {0x3d0f00}), kAllow) << abi.name;
    EXPECT_EQ(answer(filter, abi, "clone", {CLONE_NEWUSER | 17}), kEperm) << abi.name;
    EXPECT_EQ(answer(filter, abi, "unshare", {CLONE_NEWNS}), kEperm) << abi.name;
    EXPECT_EQ(answer(filter, abi, "unshare", {CLONE_FILES}), kAllow) << abi.name;
    EXPECT_EQ(answer(filter, abi, "clone3"), kEnosys) << abi.name;
    for (uint64_t family = 0; family < 64; ++family) {
      const uint32_t expected = family == AF_ALG || family == AF_VSOCK ? kEperm : kAllow;
      EXPECT_EQ(answer(filter, abi, "socket", {family}), expected) << abi.name << " " << family;
      EXPECT_EQ(answer(filter, abi, "socket", {family | kUpper}), expected)
          << abi.name << " " << family;
    }
    EXPECT_EQ(answer(filter, abi, "socket", {64}), kEperm) << abi.name;
  }
}

TEST(Complain, LogsInsteadOfDenying) {
  for (const oci::Seccomp& description :
       {denylist(everywhere({.complain = true})), allowlist(everywhere({.complain = true}))}) {
    const Filter filter = compiled(description, {.complain = true, .own = true});
    for (const Abi& abi : kAbis) {
      EXPECT_EQ(answer(filter, abi, "mount"), SECCOMP_RET_LOG) << abi.name;
      EXPECT_EQ(answer(filter, abi, "clone", {CLONE_NEWUSER}), SECCOMP_RET_LOG) << abi.name;
      EXPECT_EQ(answer(filter, abi, "clone3"), kAllow) << abi.name;
      EXPECT_EQ(answer(filter, abi, "read"), kAllow) << abi.name;
      for (int32_t nr = 0; nr < 600; ++nr) {
        const uint32_t got = verdict(filter, {.arch = abi.arch, .nr = nr});
        EXPECT_TRUE(got == kAllow || got == SECCOMP_RET_LOG) << abi.name << " " << nr << " " << got;
      }
    }
    EXPECT_EQ(verdict(filter, {.arch = AUDIT_ARCH_S390X, .nr = 1}), SECCOMP_RET_LOG);
  }
}

}  // namespace
}  // namespace holdfast
