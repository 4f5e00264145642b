// A parked process read back: what was applied passes, anything else is told.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "integration/kernel/process_support.h"
#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"
#include "sandbox/kernel/verify.h"

namespace holdfast {
namespace {

constexpr uint64_t kSome = uint64_t{1} << CAP_CHOWN | uint64_t{1} << CAP_KILL;

// A process that applied something and waits, as the runtime's child does before its program.
class Parked {
 public:
  explicit Parked(const std::function<Result<>()>& apply,
                  const std::function<Result<>(pid_t)>& from_outside = {}) {
    int up[2], down[2];
    EXPECT_EQ(::pipe2(up, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(down, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const auto said = apply();
      (void)write_all(Fd(up[1]), said ? "" : said.error().message);
      while (true) ::pause();
    }
    ::close(up[1]);
    ::close(down[0]);
    ::close(down[1]);
    if (from_outside) {
      EXPECT_TRUE(from_outside(pid_));
    }
    const auto text = read_all(Fd(up[0]), 4096);
    EXPECT_EQ(text.value_or("no answer"), "");
  }
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;
  ~Parked() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

// A filter that allows everything: what counts is that it is there.
Filter harmless() { return {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}; }

// A plan in which everything that is verified has a value of its own.
Plan full_plan() {
  Plan plan;
  plan.filters = {{.name = "one"}, {.name = "two"}};
  plan.process.user = {.uid = 1000, .gid = 1001, .additional_gids = {9, 5, 5}};
  plan.process.capabilities = {
      .bounding = kSome, .effective = kSome, .permitted = kSome, .inheritable = 0, .ambient = 0};
  plan.process.no_new_privileges = true;
  plan.process.rlimits = {{"RLIMIT_NOFILE", 100, 200}, {"RLIMIT_CORE", 0, 0}};
  plan.process.oom_score_adj = 345;
  return plan;
}

Result<> apply(const Plan& plan) {
  const ProcessPlan& process = plan.process;
  HF_TRY(const DirFd procfs, host_procfs());
  if (process.oom_score_adj) HF_DO(set_oom_score(procfs, *process.oom_score_adj));
  HF_DO(set_rlimits(process.rlimits));
  HF_DO(drop_bounding(process.capabilities));
  HF_DO(keep_capabilities(true));
  HF_DO(set_user(process.user, false));
  HF_DO(set_capabilities(process.capabilities));
  if (process.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return os_error("no_new_privs");
  for (size_t i = 0; i < plan.filters.size(); ++i) HF_DO(load_filter(harmless(), 0).map([](Fd) {}));
  return {};
}

Result<> verify_process(pid_t pid, const Plan& plan, uint32_t filters_before) {
  HF_TRY(
      const Findings found,
      examine_process(
          {.pid = pid, .plan = plan, .process = plan.process, .filters_before = filters_before}));
  return found.verdict();
}

std::string verdict_of(const Parked& process, const Plan& plan) {
  const auto before = own_filter_count();
  if (!before) return before.error().message;
  const auto done = verify_process(process.pid(), plan, *before);
  return done ? "" : done.error().message;
}

constexpr std::string_view kPrefix = "verify: the kernel does not show what was planned: ";
std::string told(std::string_view what) { return std::string(kPrefix) + std::string(what); }

TEST(Verify, WhatWasAppliedPasses) {
  const Plan plan = full_plan();
  const Parked process([&] { return apply(plan); });
  EXPECT_EQ(verdict_of(process, plan), "");
}

TEST(Verify, EverySingleDifferenceIsToldByName) {
  const Plan applied = full_plan();
  const Parked process([&] { return apply(applied); });
  const auto expect = [&](std::string_view what, const std::function<void(Plan&)>& change) {
    Plan plan = applied;
    change(plan);
    EXPECT_EQ(verdict_of(process, plan), told(what));
  };
  expect("Uid 1000\t1000\t1000\t1000 instead of 0", [](Plan& p) { p.process.user.uid = 0; });
  expect("Gid 1001\t1001\t1001\t1001 instead of 0", [](Plan& p) { p.process.user.gid = 0; });
  expect("groups 5 5 9 instead of 1 additional ones",
         [](Plan& p) { p.process.user.additional_gids = {5}; });
  expect("CapBnd 21 instead of 1 (more: CAP_KILL)",
         [](Plan& p) { p.process.capabilities.bounding = 1; });
  expect("CapEff 21 instead of 1 (more: CAP_KILL)",
         [](Plan& p) { p.process.capabilities.effective = 1; });
  expect("CapPrm 21 instead of 1 (more: CAP_KILL)",
         [](Plan& p) { p.process.capabilities.permitted = 1; });
  expect("CapInh 0 instead of 1 (less: CAP_CHOWN)",
         [](Plan& p) { p.process.capabilities.inheritable = 1; });
  expect("CapAmb 0 instead of 1 (less: CAP_CHOWN)",
         [](Plan& p) { p.process.capabilities.ambient = 1; });
  expect("2 seccomp filters instead of 3", [](Plan& p) { p.filters.emplace_back(); });
  expect("2 seccomp filters instead of 1", [](Plan& p) { p.filters.pop_back(); });
  expect("seccomp is on without a filter of the plan", [](Plan& p) { p.filters.clear(); });
  expect("RLIMIT_NOFILE 100:200 instead of 100:201",
         [](Plan& p) { p.process.rlimits[0].hard = 201; });
  expect("RLIMIT_CORE 0:0 instead of 1:0", [](Plan& p) { p.process.rlimits[1].soft = 1; });
  expect("oom_score_adj 345 instead of 0", [](Plan& p) { p.process.oom_score_adj = 0; });
}

TEST(Verify, AllDifferencesAreToldAtOnce) {
  Plan plan = full_plan();
  plan.filters.clear();
  plan.process.no_new_privileges = false;
  const Parked process([&] { return apply(plan); });
  plan.filters = {{.name = "one"}};
  plan.process.no_new_privileges = true;
  plan.process.oom_score_adj = 1;
  EXPECT_EQ(
      verdict_of(process, plan),
      told("no_new_privs is not set; seccomp is not in filter mode; 0 seccomp filters instead "
           "of 1; oom_score_adj 345 instead of 1"));
}

TEST(Verify, FiltersThatTheRuntimeHadAlreadyAreNotThePlans) {
  EXPECT_EQ(testing_support::in_child([]() -> Result<> {
              HF_DO(load_filter(harmless(), 0).map([](Fd) {}));
              HF_TRY(const uint32_t before, own_filter_count());
              HF_DO(testing_support::check(before >= 1, "own filter not counted"));
              const Plan plan = full_plan();
              const Parked process([&] { return apply(plan); });
              HF_DO(verify_process(process.pid(), plan, before));
              return testing_support::check(!verify_process(process.pid(), plan, before - 1),
                                            "not counted");
            }),
            "");
}

TEST(Verify, IdsOfAUserNamespaceAreMapped) {
  Plan plan;
  plan.namespaces = {{.type = oci::NamespaceType::kUser}};
  plan.uid_mappings = {{0, 100000, 1000}, {1000, 300000, 10}};
  plan.gid_mappings = {{0, 200000, 2000}};
  plan.process.user = {.uid = 1003, .gid = 7, .additional_gids = {11}};
  plan.process.capabilities = {
      .bounding = kSome, .effective = kSome, .permitted = kSome, .inheritable = 0, .ambient = 0};
  int mapped[2], unshared[2];
  ASSERT_EQ(::pipe2(mapped, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(unshared, O_CLOEXEC), 0);
  const auto inside = [&]() -> Result<> {
    char byte = 0;
    if (::unshare(CLONE_NEWUSER) != 0) return os_error("unshare");
    if (::write(unshared[1], "u", 1) != 1 || ::read(mapped[0], &byte, 1) != 1)
      return os_error("synchronise");
    return apply(plan);
  };
  const auto outside = [&](pid_t pid) -> Result<> {
    char byte = 0;
    if (::read(unshared[0], &byte, 1) != 1) return os_error("synchronise");
    HF_TRY(const DirFd process, DirFd::open(fmt::format("/proc/{}", pid)));
    HF_DO(process.write("uid_map", "0 100000 1000\n1000 300000 10\n"));
    HF_DO(process.write("gid_map", "0 200000 2000\n"));
    if (::write(mapped[1], "m", 1) != 1) return os_error("synchronise");
    return {};
  };
  const Parked process(inside, outside);
  EXPECT_EQ(verdict_of(process, plan), "");
  Plan other = plan;
  other.process.user.uid = 3;
  EXPECT_EQ(verdict_of(process, other),
            told("Uid 300003\t300003\t300003\t300003 instead of 100003"));
  other = plan;
  other.uid_mappings[0].size = 999;
  EXPECT_EQ(verdict_of(process, other),
            told("uid_map 0:100000:1000,1000:300000:10 instead of 0:100000:999,1000:300000:10"));
  // A namespace that was joined: its maps are not the plan's, its ids are read through them.
  other = plan;
  other.namespaces[0].path = "/proc/1/ns/user";
  other.uid_mappings.clear();
  other.gid_mappings.clear();
  EXPECT_EQ(verdict_of(process, other), "");
}

TEST(Verify, AProcessThatIsGoneIsAnError) {
  const Plan plan;
  const auto done = verify_process(INT32_MAX, plan, 0);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "verify: open 2147483647/status: no such file or directory");
}

TEST(Verify, LimitsOfAnotherUserAreReadWithoutTheCapabilityToChangeThem) {
  EXPECT_EQ(
      testing_support::in_child([]() -> Result<> {
        HF_TRY(CapabilitySets own, own_capabilities());
        own.permitted &= ~(uint64_t{1} << CAP_SYS_RESOURCE);
        own.effective = own.permitted;
        const Plan plan = full_plan();
        const Parked process([&] { return apply(plan); });
        HF_DO(set_capabilities(own));
        rlimit64 limit{};
        HF_DO(
            testing_support::check(::prlimit64(process.pid(), RLIMIT_NOFILE, nullptr, &limit) != 0,
                                   "this kernel lets us ask"));
        HF_DO(verify_process(process.pid(), plan, 0));
        Plan other = plan;
        other.process.rlimits[0].soft = 99;
        return testing_support::check(!verify_process(process.pid(), other, 0), "not noticed");
      }),
      "");
}

}  // namespace
}  // namespace holdfast
