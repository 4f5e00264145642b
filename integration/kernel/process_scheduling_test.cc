// Scheduler, io priority, affinity, personality and keyring as the kernel shows them afterwards.
#include <gtest/gtest.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "integration/kernel/process_support.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

using testing_support::check;
using testing_support::in_child;
using testing_support::same;

TEST(Scheduler, BatchWithNiceAndResetOnFork) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(set_scheduler({.policy = oci::SchedulerPolicy::kBatch,
                                   .nice = 5,
                                   .flags = {"SCHED_FLAG_RESET_ON_FORK"}}));
              HF_DO(same(::sched_getscheduler(0), SCHED_BATCH | SCHED_RESET_ON_FORK, "policy"));
              return same(::getpriority(PRIO_PROCESS, 0), 5, "nice");
            }),
            "");
}

TEST(Scheduler, IdleIsSetAndAPriorityThatDoesNotFitIsNamed) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(set_scheduler({.policy = oci::SchedulerPolicy::kIdle}));
              return same(::sched_getscheduler(0), SCHED_IDLE, "policy");
            }),
            "");
  EXPECT_EQ(in_child([]() -> Result<> {
              return set_scheduler({.policy = oci::SchedulerPolicy::kOther, .priority = 3});
            }),
            "set scheduler SCHED_OTHER (nice 0, priority 3): invalid argument");
  EXPECT_EQ(in_child([]() -> Result<> { return set_scheduler({.flags = {"FAST"}}); }),
            "set scheduler SCHED_OTHER: unknown flag FAST");
}

TEST(IoPriority, ClassAndLevelAreSet) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(set_io_priority({oci::IoPriorityClass::kBestEffort, 6}));
              HF_DO(same(::syscall(SYS_ioprio_get, 1, 0), 2L << 13 | 6, "best effort"));
              HF_DO(set_io_priority({oci::IoPriorityClass::kIdle, 0}));
              return same(::syscall(SYS_ioprio_get, 1, 0) >> 13, 3L, "idle");
            }),
            "");
  EXPECT_EQ(in_child([]() -> Result<> {
              return set_io_priority({oci::IoPriorityClass::kBestEffort, 8});
            }),
            "set io priority 8: not in 0 to 7");
}

TEST(CpuAffinity, OnlyTheNamedCpuIsLeft) {
  EXPECT_EQ(in_child([]() -> Result<> {
              cpu_set_t before;
              ::sched_getaffinity(0, sizeof before, &before);
              int cpu = CPU_SETSIZE - 1;
              while (!CPU_ISSET(cpu, &before)) --cpu;
              HF_DO(set_cpu_affinity(fmt::format("{}", cpu)));
              cpu_set_t now;
              ::sched_getaffinity(0, sizeof now, &now);
              return check(CPU_COUNT(&now) == 1 && CPU_ISSET(cpu, &now), "affinity differs");
            }),
            "");
  EXPECT_EQ(in_child([]() -> Result<> { return set_cpu_affinity("8000"); }),
            "set cpu affinity 8000: invalid argument");
}

TEST(Personality, Linux32AndBack) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(set_personality({.domain = "LINUX32"}));
              HF_DO(same(::personality(0xffffffff), int{PER_LINUX32}, "domain"));
              HF_DO(set_personality({.domain = "LINUX"}));
              return same(::personality(0xffffffff), int{PER_LINUX}, "domain");
            }),
            "");
  EXPECT_EQ(in_child([]() -> Result<> { return set_personality({.domain = "BSD"}); }),
            "set personality: unknown domain BSD");
  EXPECT_NE(in_child([]() -> Result<> {
              return set_personality({.domain = "LINUX", .flags = {"ADDR_NO_RANDOMIZE"}});
            }),
            "");
}

std::string session_keyring() {
  char text[256] = {};
  const long size =
      ::syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, sizeof text, 0);
  return size > 0 ? text : errno_text(errno);
}

TEST(Keyring, TheSessionKeyringIsTheContainersAndSearchable) {
  const std::string id = fmt::format("test-{}", ::getpid());
  const auto shown = [&](bool user_namespace) {
    return in_child([&]() -> Result<> {
      HF_DO(new_session_keyring(id, user_namespace));
      return error("{}", session_keyring());
    });
  };
  const std::string plain = shown(false);
  EXPECT_TRUE(plain.ends_with(";_ses." + id)) << plain;
  const auto fields = split(plain, ';');
  ASSERT_EQ(fields.size(), 5U) << plain;
  EXPECT_TRUE(*parse_number<uint32_t>(fields[3], 16) & 0x80000) << plain;
  const std::string mapped = shown(true);
  ASSERT_EQ(split(mapped, ';').size(), 5U) << mapped;
  EXPECT_TRUE(*parse_number<uint32_t>(split(mapped, ';')[3], 16) & 0x8) << mapped;
}

}  // namespace
}  // namespace holdfast
