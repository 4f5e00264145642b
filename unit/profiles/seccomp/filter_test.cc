#include "profiles/seccomp/filter.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cerrno>
#include <set>

namespace holdfast {
namespace {

using oci::SeccompAction;
using oci::SeccompOperator;

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kEnosys = SECCOMP_RET_ERRNO | ENOSYS;

constexpr uint32_t kArchitectures[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
                                       AUDIT_ARCH_ARM};

oci::Seccomp description(SeccompAction standard, std::vector<oci::SeccompRule> rules) {
  oci::Seccomp seccomp;
  seccomp.default_action = standard;
  seccomp.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32",
                           "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
  seccomp.syscalls = std::move(rules);
  return seccomp;
}

oci::SeccompRule rule(oci::Strings names, SeccompAction action,
                      std::vector<oci::SeccompArg> args = {}, std::optional<uint32_t> data = {}) {
  return {std::move(names), action, data, std::move(args)};
}

Filter compiled(const oci::Seccomp& seccomp) {
  auto filter = compile(seccomp);
  EXPECT_TRUE(filter) << filter.error().message;
  return filter ? *filter : Filter{};
}

uint32_t on_x86_64(const Filter& filter, int nr, std::array<uint64_t, 6> args = {}) {
  return verdict(filter, {.arch = AUDIT_ARCH_X86_64, .nr = nr, .args = args});
}

TEST(Compile, CallsNewerThanTheNewestNamedAnswerEnosysOnEachArchitecture) {
  const Filter f = compiled(description(
      SeccompAction::kErrno, {rule({"read", "openat2", "cacheflush"}, SeccompAction::kAllow)}));
  for (const uint32_t arch : kArchitectures) {
    EXPECT_EQ(verdict(f, {.arch = arch, .nr = 437}), kAllow) << arch;  // openat2
    EXPECT_EQ(verdict(f, {.arch = arch, .nr = 436}), kEperm) << arch;  // close_range
    EXPECT_EQ(verdict(f, {.arch = arch, .nr = 438}), kEnosys) << arch;
    EXPECT_EQ(verdict(f, {.arch = arch, .nr = 10000}), kEnosys) << arch;
  }
  // x32 has its own newest, and arm's private calls are not newer than others.
  EXPECT_EQ(on_x86_64(f, 0x40000000 | 437), kAllow);
  EXPECT_EQ(on_x86_64(f, 0x40000000 | 438), kEnosys);
  EXPECT_EQ(verdict(f, {.arch = AUDIT_ARCH_ARM, .nr = 0xf0002}), kAllow);
  EXPECT_EQ(verdict(f, {.arch = AUDIT_ARCH_ARM, .nr = 0xf0001}), kEperm);
  EXPECT_EQ(verdict(f, {.arch = AUDIT_ARCH_S390X, .nr = 3}), SECCOMP_RET_KILL_THREAD);
}

TEST(Compile, PermissiveDefaultsHaveNoSuchFront) {
  for (const SeccompAction standard :
       {SeccompAction::kAllow, SeccompAction::kLog, SeccompAction::kTrace})
    EXPECT_NE(
        on_x86_64(compiled(description(standard, {rule({"read"}, SeccompAction::kErrno)})), 900),
        kEnosys);
  oci::Seccomp own = description(SeccompAction::kErrno, {rule({"read"}, SeccompAction::kAllow)});
  own.default_errno_ret = 38;
  EXPECT_EQ(on_x86_64(compiled(own), 900), kEnosys);
  EXPECT_EQ(on_x86_64(compiled(own), SYS_getpid), kEnosys);
}

TEST(Compile, UnknownNamesAreSkippedWhereTheyAllowAndRefusedWhereTheyWouldDeny) {
  const Filter f = compiled(
      description(SeccompAction::kErrno, {rule({"read", "teleport"}, SeccompAction::kAllow)}));
  EXPECT_EQ(on_x86_64(f, SYS_read), kAllow);
  compiled(description(SeccompAction::kErrno, {rule({"teleport"}, SeccompAction::kKill)}));
  auto refused =
      compile(description(SeccompAction::kAllow, {rule({"teleport"}, SeccompAction::kErrno)}));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("teleport: unknown system call"), std::string::npos);
}

TEST(Compile, CallsThatLibseccompDoesNotKnowAreAppliedByNumber) {
  const Filter allow = compiled(description(
      SeccompAction::kErrno, {rule({"read", "fchmodat2", "mseal"}, SeccompAction::kAllow)}));
  const Filter deny = compiled(description(
      SeccompAction::kAllow, {rule({"open_tree_attr", "mseal"}, SeccompAction::kErrno, {}, 13)}));
  for (const uint32_t arch : kArchitectures) {
    EXPECT_EQ(verdict(allow, {.arch = arch, .nr = 452}), kAllow);
    EXPECT_EQ(verdict(allow, {.arch = arch, .nr = 462}), kAllow);
    EXPECT_EQ(verdict(allow, {.arch = arch, .nr = 453}), kEperm);
    EXPECT_EQ(verdict(allow, {.arch = arch, .nr = 463}), kEnosys);
    EXPECT_EQ(verdict(deny, {.arch = arch, .nr = 467}), SECCOMP_RET_ERRNO | 13u);
    EXPECT_EQ(verdict(deny, {.arch = arch, .nr = 462}), SECCOMP_RET_ERRNO | 13u);
    EXPECT_EQ(verdict(deny, {.arch = arch, .nr = 463}), kAllow);
  }
  EXPECT_EQ(on_x86_64(allow, 0x40000000 | 462), kAllow);
}

TEST(Compile, EveryOperatorComparesAsTheSpecificationSays) {
  struct Row {
    SeccompOperator op;
    uint64_t value, two, yes, no;
  };
  for (const Row& row :
       {Row{SeccompOperator::kEq, 5, 0, 5, 6}, Row{SeccompOperator::kNe, 5, 0, 6, 5},
        Row{SeccompOperator::kLt, 5, 0, 4, 5}, Row{SeccompOperator::kLe, 5, 0, 5, 6},
        Row{SeccompOperator::kGt, 5, 0, uint64_t{5} << 32, 5},
        Row{SeccompOperator::kGe, uint64_t{1} << 40, 0, uint64_t{1} << 40, 7},
        Row{SeccompOperator::kMaskedEq, 0xf0, 0x20, 0x2f, 0x3f}}) {
    const Filter f = compiled(
        description(SeccompAction::kErrno,
                    {rule({"dup3"}, SeccompAction::kAllow, {{2, row.value, row.two, row.op}})}));
    EXPECT_EQ(on_x86_64(f, SYS_dup3, {0, 0, row.yes}), kAllow) << static_cast<int>(row.op);
    EXPECT_EQ(on_x86_64(f, SYS_dup3, {0, 0, row.no}), kEperm) << static_cast<int>(row.op);
  }
}

TEST(Compile, ComparisonsOfOneArgumentAreAlternativesAndOfSeveralAConjunction) {
  const Filter f = compiled(
      description(SeccompAction::kErrno,
                  {rule({"personality"}, SeccompAction::kAllow,
                        {{0, 0, 0, SeccompOperator::kEq}, {0, 8, 0, SeccompOperator::kEq}}),
                   rule({"dup3"}, SeccompAction::kAllow,
                        {{0, 1, 0, SeccompOperator::kEq}, {1, 2, 0, SeccompOperator::kEq}})}));
  EXPECT_EQ(on_x86_64(f, SYS_personality, {8}), kAllow);
  EXPECT_EQ(on_x86_64(f, SYS_personality, {0}), kAllow);
  EXPECT_EQ(on_x86_64(f, SYS_personality, {4}), kEperm);
  EXPECT_EQ(on_x86_64(f, SYS_dup3, {1, 2}), kAllow);
  EXPECT_EQ(on_x86_64(f, SYS_dup3, {1, 3}), kEperm);
}

TEST(Compile, ActionsCarryTheirData) {
  const Filter f = compiled(description(
      SeccompAction::kKillProcess,
      {rule({"read"}, SeccompAction::kErrno, {}, 13), rule({"write"}, SeccompAction::kTrace, {}, 7),
       rule({"open"}, SeccompAction::kTrap), rule({"close"}, SeccompAction::kLog),
       rule({"mount"}, SeccompAction::kNotify), rule({"dup"}, SeccompAction::kErrno)}));
  EXPECT_EQ(on_x86_64(f, SYS_read), SECCOMP_RET_ERRNO | 13u);
  EXPECT_EQ(on_x86_64(f, SYS_write), SECCOMP_RET_TRACE | 7u);
  EXPECT_EQ(on_x86_64(f, SYS_open), SECCOMP_RET_TRAP);
  EXPECT_EQ(on_x86_64(f, SYS_close), SECCOMP_RET_LOG);
  EXPECT_EQ(on_x86_64(f, SYS_mount), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(on_x86_64(f, SYS_dup), kEperm);
  EXPECT_EQ(on_x86_64(f, SYS_getpid), SECCOMP_RET_KILL_PROCESS);
}

TEST(Compile, RefusesWhatTheKernelOrAListenerCouldNotServe) {
  EXPECT_FALSE(compile(description(SeccompAction::kNotify, {})));
  EXPECT_FALSE(
      compile(description(SeccompAction::kAllow, {rule({"write"}, SeccompAction::kNotify)})));
  EXPECT_FALSE(compile(description(SeccompAction::kAllow, {rule({""}, SeccompAction::kErrno)})));
  EXPECT_FALSE(compile(
      description(SeccompAction::kAllow, {rule({"read"}, SeccompAction::kErrno, {}, 70000)})));
  EXPECT_FALSE(compile(
      description(SeccompAction::kAllow,
                  {rule({"read"}, SeccompAction::kErrno, {{6, 0, 0, SeccompOperator::kEq}})})));
  oci::Seccomp foreign = description(SeccompAction::kAllow, {});
  foreign.architectures = {"SCMP_ARCH_Z80"};
  EXPECT_FALSE(compile(foreign));
}

TEST(FilterFlags, AreTheKernelsAndAListenerNeedsAPath) {
  oci::Seccomp s = description(SeccompAction::kErrno, {});
  s.flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
             "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
  EXPECT_EQ(*filter_flags(s), SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  s.syscalls = {rule({"mount"}, SeccompAction::kNotify)};
  EXPECT_FALSE(filter_flags(s));
  s.listener_path = "/run/agent.sock";
  EXPECT_TRUE(*filter_flags(s) & SECCOMP_FILTER_FLAG_NEW_LISTENER);
  s.flags = {"SECCOMP_FILTER_FLAG_MAGIC"};
  EXPECT_FALSE(filter_flags(s));
}

TEST(CacheKey, DiffersWhereverTheProgramMay) {
  const oci::Seccomp base =
      description(SeccompAction::kErrno,
                  {rule({"ab", "c"}, SeccompAction::kAllow, {{0, 1, 2, SeccompOperator::kEq}})});
  std::set<std::string> keys{cache_key(base), cache_key(base, {.complain = true}),
                             cache_key(base, {.own = true})};
  const auto changed = [&](auto change) {
    oci::Seccomp other = base;
    change(other);
    keys.insert(cache_key(other));
  };
  changed([](auto& s) { s.default_action = SeccompAction::kKill; });
  changed([](auto& s) { s.default_errno_ret = 0; });
  changed([](auto& s) { s.architectures.pop_back(); });
  changed([](auto& s) { s.syscalls[0].names = {"a", "bc"}; });
  changed([](auto& s) { s.syscalls[0].action = SeccompAction::kLog; });
  changed([](auto& s) { s.syscalls[0].errno_ret = 1; });
  changed([](auto& s) { s.syscalls[0].args[0].index = 1; });
  changed([](auto& s) { s.syscalls[0].args[0].value = 3; });
  changed([](auto& s) { s.syscalls[0].args[0].value_two = 3; });
  changed([](auto& s) { s.syscalls[0].args[0].op = SeccompOperator::kNe; });
  changed([](auto& s) { s.syscalls.clear(); });
  EXPECT_EQ(keys.size(), 14u);
  EXPECT_EQ(cache_key(base), cache_key(oci::Seccomp(base)));
}

TEST(Verdict, FollowsTheInstructionsAndEndsWhatTheKernelWouldNotLoad) {
  const SystemCall call{
      .arch = AUDIT_ARCH_X86_64, .nr = 7, .args = {0, 0, 0, 0, 0, uint64_t{9} << 32 | 4}};
  const auto answer = [&](Filter f) { return verdict(f, call); };
  EXPECT_EQ(answer({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_STMT(BPF_RET | BPF_A, 0)}), 7u);
  EXPECT_EQ(answer({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 60), BPF_STMT(BPF_RET | BPF_A, 0)}), 9u);
  EXPECT_EQ(answer({BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_RET | BPF_A, 0)}), 64u);
  EXPECT_EQ(
      answer({BPF_STMT(BPF_LD | BPF_IMM, 5), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LDX | BPF_MEM, 3),
              BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0), BPF_STMT(BPF_RET | BPF_A, 0)}),
      25u);
  EXPECT_EQ(answer({BPF_STMT(BPF_JMP | BPF_JA, 1), BPF_STMT(BPF_RET | BPF_K, 1),
                    BPF_STMT(BPF_RET | BPF_K, 2)}),
            2u);
  const uint32_t ended = SECCOMP_RET_KILL_PROCESS;
  EXPECT_EQ(answer({}), ended);
  EXPECT_EQ(answer({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), BPF_STMT(BPF_RET | BPF_K, kAllow)}),
            ended);
  EXPECT_EQ(answer({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), BPF_STMT(BPF_RET | BPF_K, kAllow)}),
            ended);
  EXPECT_EQ(answer({BPF_STMT(BPF_LD | BPF_MEM, 16), BPF_STMT(BPF_RET | BPF_K, kAllow)}), ended);
  EXPECT_EQ(answer({BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, kAllow)}),
            ended);
  EXPECT_EQ(answer({BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), BPF_STMT(BPF_RET | BPF_K, kAllow)}),
            ended);
}

}  // namespace
}  // namespace holdfast
