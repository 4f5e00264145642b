// The probe against what the same kernel says elsewhere.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>

#include "integration/kernel/process_support.h"
#include "sandbox/kernel/probe.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

using testing_support::check;
using testing_support::in_child;
using testing_support::same;
using testing_support::status_field;

TEST(Probe, FactsAreTheKernels) {
  const auto facts = probe_host();
  ASSERT_TRUE(facts) << facts.error().message;
  utsname system{};
  ::uname(&system);
  EXPECT_EQ(facts->kernel, system.release);
  EXPECT_EQ(fmt::format("{}\n", facts->last_capability),
            read_file("/proc/sys/kernel/cap_last_cap").value_or(""));
  const auto bounding = parse_number<uint64_t>(status_field("CapBnd"), 16);
  const auto permitted = parse_number<uint64_t>(status_field("CapPrm"), 16);
  EXPECT_EQ(facts->bounding, bounding.value_or(0) & permitted.value_or(0));
  EXPECT_EQ(facts->euid, ::geteuid());
  EXPECT_EQ(facts->apparmor,
            read_file("/sys/module/apparmor/parameters/enabled").value_or("") == "Y\n");
  const auto actions = read_file("/proc/sys/kernel/seccomp/actions_avail").value_or("");
  const auto names = split(trim(actions), ' ');
  EXPECT_EQ(facts->seccomp_log, std::find(names.begin(), names.end(), "log") != names.end());
}

TEST(Probe, NamespacesAreOurs) {
  const auto facts = probe_host();
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->host_namespaces.size(), 8U);
  struct stat info {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &info), 0);
  const auto& all = facts->host_namespaces;
  EXPECT_NE(std::find(all.begin(), all.end(), fmt::format("net:[{}]", info.st_ino)), all.end());
}

TEST(Probe, TheCgroupModeIsWhatIsMounted) {
  const auto facts = probe_host();
  ASSERT_TRUE(facts);
  const auto mounts = read_file("/proc/self/mounts").value_or("");
  const bool v1 = mounts.find(" cgroup rw") != std::string::npos ||
                  mounts.find(" cgroup ro") != std::string::npos;
  const bool v2 = mounts.find(" cgroup2 ") != std::string::npos;
  const auto expected = v1 && v2 ? HostFacts::Cgroup::kHybrid
                        : v1     ? HostFacts::Cgroup::kV1
                        : v2     ? HostFacts::Cgroup::kV2
                                 : HostFacts::Cgroup::kNone;
  EXPECT_EQ(facts->cgroup, expected) << mounts;
}

TEST(Probe, WhatWeLostCannotBeHandedOn) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(drop_bounding({.bounding = 0xff}));
              HF_DO(set_capabilities({.effective = 0x0f, .permitted = 0x0f}));
              HF_TRY(const HostFacts facts, probe_host());
              return same(facts.bounding, uint64_t{0x0f}, "bounding");
            }),
            "");
}

TEST(Probe, AUserNamespaceIsNoticed) {
  if (in_user_namespace()) GTEST_SKIP() << "the test itself runs in a user namespace";
  EXPECT_EQ(in_child([]() -> Result<> {
              if (::unshare(CLONE_NEWUSER) != 0) return os_error("unshare");
              HF_DO(check(in_user_namespace(), "without a map"));
              HF_TRY(const DirFd self, DirFd::open("/proc/self"));
              HF_DO(self.write("uid_map", "0 0 1"));
              return check(in_user_namespace(), "with a map of one id");
            }),
            "");
}

TEST(Examine, EveryCheckHasANameAndADetailAndNothingIsLeftBehind) {
  const auto mounts = read_file("/proc/self/mounts").value_or("");
  const auto checks = examine_host();
  EXPECT_GE(checks.size(), 15U);
  for (const auto& each : checks) {
    EXPECT_FALSE(each.name.empty());
    EXPECT_FALSE(each.detail.empty()) << each.name;
  }
  EXPECT_EQ(mounts, read_file("/proc/self/mounts").value_or("unreadable"));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST(Examine, WhatTheTestsNeedIsReportedUsable) {
  for (const auto& each : examine_host()) {
    if (each.name == "private procfs" || each.name == "openat2" || each.name == "pidfd" ||
        each.name == "clone3" || each.name == "detached bind mounts") {
      EXPECT_TRUE(each.usable) << each.name << ": " << each.detail;
    }
  }
}

}  // namespace
}  // namespace holdfast
