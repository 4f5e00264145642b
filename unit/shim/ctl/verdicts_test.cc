#include "shim/ctl/verdicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>

#include "profiles/seccomp/profile.h"

namespace holdfast::ctl {
namespace {

using testing::HasSubstr;

struct Loaded {
  Plan plan;
  std::vector<Filter> filters;
};

void load(Loaded& loaded, const char* name, FilterOrigin origin, const oci::Seccomp& description) {
  auto filter = compile(description, {.complain = false, .own = origin == FilterOrigin::kProfile});
  ASSERT_TRUE(filter) << filter.error().message;
  FilterPlan plan;
  plan.name = name;
  plan.origin = origin;
  loaded.plan.filters.push_back(plan);
  loaded.filters.push_back(*filter);
}

Judgement judge(const Loaded& loaded, const char* call, uint64_t first_argument = 0,
                const std::vector<std::string>* removed = nullptr) {
  const auto number = call_of(native_arch(), call);
  EXPECT_TRUE(number);
  auto judgement =
      judge_call(loaded.plan, loaded.filters,
                 {.arch = native_arch(), .nr = *number, .args = {first_argument}}, removed);
  EXPECT_TRUE(judgement);
  return *judgement;
}

TEST(Verdicts, NameTheProfilesFilterAndTheExceptionThatOpensIt) {
  Loaded loaded;
  load(loaded, "baseline denylist", FilterOrigin::kProfile, denylist({}));
  const Judgement mount = judge(loaded, "mount");
  EXPECT_EQ(mount.answer, "EPERM");
  EXPECT_EQ(mount.filter, "baseline denylist");
  EXPECT_THAT(mount.remedy, HasSubstr("nestedContainers"));
  EXPECT_THAT(judge(loaded, "io_uring_setup").remedy, HasSubstr("ioUring"));
  EXPECT_THAT(judge(loaded, "init_module").remedy, HasSubstr("capabilities:SYS_MODULE"));
  EXPECT_THAT(judge(loaded, "userfaultfd").remedy, HasSubstr("no exception"));
}

TEST(Verdicts, DependOnTheArguments) {
  Loaded loaded;
  load(loaded, "baseline denylist", FilterOrigin::kProfile, denylist({}));
  EXPECT_EQ(judge(loaded, "unshare", CLONE_FILES).answer, "allowed");
  EXPECT_EQ(judge(loaded, "unshare", CLONE_NEWUSER).answer, "EPERM");
}

TEST(Verdicts, BlameTheEngineWhereOnlyItsFilterDenies) {
  Loaded loaded;
  load(loaded, "baseline denylist", FilterOrigin::kProfile, denylist({}));
  oci::Seccomp engine;
  engine.default_action = oci::SeccompAction::kAllow;
  oci::SeccompRule rule;
  rule.names = {"mkdir"};
  rule.action = oci::SeccompAction::kKillProcess;
  engine.syscalls.push_back(rule);
  load(loaded, "engine", FilterOrigin::kEngine, engine);
  const Judgement judgement = judge(loaded, "mkdir");
  EXPECT_EQ(judgement.filter, "engine");
  EXPECT_EQ(judgement.answer, "killed (the process)");
  EXPECT_EQ(judge(loaded, "mount").filter, "baseline denylist");
  EXPECT_EQ(judge(loaded, "read").filter, "");
}

TEST(Verdicts, WithoutFiltersEverythingIsAllowed) {
  EXPECT_EQ(judge({}, "mount").answer, "allowed");
}

TEST(Verdicts, NamesOfCallsAreThoseOfTheirArchitecture) {
  EXPECT_EQ(call_text(AUDIT_ARCH_X86_64, 165), "mount");
  EXPECT_EQ(call_text(AUDIT_ARCH_I386, 21), "mount");
  EXPECT_EQ(call_text(AUDIT_ARCH_X86_64, 0x40000000 + 165), "mount (x32)");
  EXPECT_EQ(call_text(AUDIT_ARCH_X86_64, 462), "mseal");
  EXPECT_EQ(call_text(AUDIT_ARCH_X86_64, 100000), "#100000");
  EXPECT_EQ(call_of(AUDIT_ARCH_I386, "mount"), 21);
  EXPECT_FALSE(call_of(AUDIT_ARCH_X86_64, "nonsense"));
}

TEST(Verdicts, AnswersInWords) {
  EXPECT_EQ(answer_text(SECCOMP_RET_ERRNO | 38), "ENOSYS");
  EXPECT_EQ(answer_text(SECCOMP_RET_TRAP), "signal SIGSYS");
  EXPECT_EQ(answer_text(SECCOMP_RET_ALLOW), "allowed");
}

// An exception opens what every profile denies, not what one of the node's removes besides.
TEST(Verdicts, ProposeNoExceptionForWhatAProfileOfTheNodesRemoves) {
  const std::vector<std::string> removed{"getpid", "mount"};
  SeccompGrants grants;
  grants.remove = removed;
  Loaded loaded;
  load(loaded, "web denylist", FilterOrigin::kProfile, denylist(grants));
  for (const auto* known : {&removed, static_cast<const std::vector<std::string>*>(nullptr)}) {
    const Judgement getpid = judge(loaded, "getpid", 0, known);
    EXPECT_EQ(getpid.answer, "EPERM");
    EXPECT_THAT(getpid.remedy, HasSubstr("another profile: web denies it by its seccomp.remove"));
    EXPECT_THAT(judge(loaded, "init_module", 0, known).remedy,
                HasSubstr("capabilities:SYS_MODULE"));
    EXPECT_THAT(judge(loaded, "userfaultfd", 0, known).remedy, HasSubstr("no exception"));
  }
}

}  // namespace
}  // namespace holdfast::ctl
