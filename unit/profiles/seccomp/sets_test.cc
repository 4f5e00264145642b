#include "profiles/seccomp/sets.h"

#include <gtest/gtest.h>
#include <linux/audit.h>

#include <map>
#include <set>

#include "profiles/seccomp/library.h"
#include "profiles/seccomp/newer_calls.h"

namespace holdfast {
namespace {

struct Abi {
  const char* name;
  uint32_t token;
};
// x86_64 and aarch64, each with its compat architecture: what the profiles cover.
constexpr Abi kAbis[] = {{"x86_64", AUDIT_ARCH_X86_64},
                         {"i386", AUDIT_ARCH_I386},
                         {"aarch64", AUDIT_ARCH_AARCH64},
                         {"arm", AUDIT_ARCH_ARM}};

// In no set on purpose: judged by their arguments; relabelling oneself; too new to be known well.
const std::set<std::string_view> kInNoSet{
    "clone", "clone3", "unshare", "socket", "lsm_set_self_attr", "listns"};

TEST(SyscallSets, EveryNameIsASystemCallOfAnArchitectureThatTheProfilesCover) {
  for (const SyscallSet& set : all_syscall_sets())
    for (const std::string_view name : set.calls) {
      bool found = newer_call(name).has_value();
      for (const Abi& abi : kAbis)
        found = found || seccomp::call_number(abi.token, std::string(name)).has_value();
      EXPECT_TRUE(found) << set.name << " " << name;
    }
}

TEST(SyscallSets, EverySystemCallOfTheseArchitecturesIsInOneOrLeftOutOnPurpose) {
  for (const Abi& abi : kAbis) {
    size_t calls = 0;
    for (const uint32_t base : {0u, 0xf0000u})
      for (uint32_t number = base; number < base + 600; ++number) {
        const auto name = seccomp::call_name(abi.token, number);
        if (!name) continue;
        ++calls;
        EXPECT_NE(set_of(*name).empty(), kInNoSet.count(*name) == 0) << abi.name << " " << *name;
      }
    EXPECT_GT(calls, 280u) << abi.name;
  }
  for (const NewerCall& call : newer_calls())
    EXPECT_NE(set_of(call.name).empty(), kInNoSet.count(call.name) == 0) << call.name;
}

TEST(SyscallSets, NoCallIsInTwo) {
  std::map<std::string_view, std::string_view> seen;
  for (const SyscallSet& set : all_syscall_sets())
    for (const std::string_view name : set.calls)
      EXPECT_TRUE(seen.emplace(name, set.name).second)
          << name << " in " << set.name << " and " << seen[name];
}

TEST(SyscallSets, AreFoundByNameAndByCall) {
  for (const SyscallSet& set : all_syscall_sets()) {
    EXPECT_TRUE(set.name.starts_with('@'));
    EXPECT_FALSE(set.what.empty());
    ASSERT_FALSE(set.calls.empty());
    EXPECT_EQ(syscall_set(set.name).data(), set.calls.data());
    EXPECT_EQ(set_of(set.calls.back()), set.name);
  }
  EXPECT_TRUE(syscall_set("@nothing").empty());
  EXPECT_TRUE(syscall_set("mount").empty());
  EXPECT_EQ(set_of("nothing"), "");
}

// A call that one architecture has under another name than its twin must not slip through: what the
// old and the new form do is the same.
TEST(SyscallSets, TheFormsOfACallAreInOneSet) {
  constexpr std::string_view kForms[][2] = {
      {"umount", "umount2"},           {"clock_settime", "clock_settime64"},
      {"stime", "settimeofday"},       {"vm86", "vm86old"},
      {"init_module", "finit_module"}, {"kexec_load", "kexec_file_load"},
      {"quotactl", "quotactl_fd"},     {"open_tree", "open_tree_attr"},
      {"setuid", "setuid32"},          {"mmap", "mmap2"},
      {"pselect6", "pselect6_time64"}, {"semtimedop", "semtimedop_time64"},
      {"fadvise64", "fadvise64_64"},   {"sync_file_range", "arm_sync_file_range"}};
  for (const auto& form : kForms) EXPECT_EQ(set_of(form[0]), set_of(form[1])) << form[0];
}

}  // namespace
}  // namespace holdfast
