#include <gtest/gtest.h>

#include "profiles/policy/resolve.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

Plan stored(const oci::Spec& spec = samples::docker_spec(), const Policy& policy = {}) {
  auto r = resolve(samples::request(), spec, policy, samples::facts());
  EXPECT_TRUE(r) << r.error().message;
  return r ? r->plan : Plan{};
}

oci::Process asked(uint64_t capabilities) {
  oci::Process process;
  process.args = {"sh"};
  process.cwd = "/";
  process.capabilities = samples::capabilities(capabilities);
  return process;
}

ProcessPlan run(const Plan& plan, const oci::Process& process, const Policy& policy = {}) {
  auto r = resolve_exec(plan, process, policy, samples::facts());
  EXPECT_TRUE(r);
  return r ? *r : ProcessPlan{};
}

TEST(Exec, PrivilegedIsClampedToWhatTheContainerHas) {
  const Plan plan = stored();
  const CapabilitySets sets = run(plan, asked(samples::kAllCapabilities)).capabilities;
  EXPECT_EQ(sets.bounding, plan.process.capabilities.bounding);
  EXPECT_EQ(sets.effective, plan.process.capabilities.bounding);
}

TEST(Exec, InAPrivilegedContainerItKeepsEverythingUnlessThePolicyChanged) {
  const Plan plan = stored(samples::privileged_spec());
  EXPECT_EQ(run(plan, asked(samples::kAllCapabilities)).capabilities.bounding,
            samples::kAllCapabilities);
  Policy policy;
  policy.profile = *shipped_profile("restricted");
  EXPECT_EQ(run(plan, asked(samples::kAllCapabilities), policy).capabilities.bounding,
            samples::capability(CAP_NET_BIND_SERVICE));
}

// CVE-2022-27650, CVE-2022-29162
TEST(Exec, InheritableIsNeverMoreThanAmbient) {
  oci::Process process = asked(samples::docker_capabilities());
  process.capabilities->inheritable = process.capabilities->bounding;
  EXPECT_EQ(run(stored(), process).capabilities.inheritable, 0u);
  process.capabilities->ambient = {"CAP_KILL", "CAP_SYS_ADMIN"};
  const CapabilitySets sets = run(stored(), process).capabilities;
  EXPECT_EQ(sets.ambient, samples::capability(CAP_KILL));
  EXPECT_EQ(sets.inheritable, sets.ambient);
}

TEST(Exec, WithoutCapabilitiesOfItsOwnItGetsTheContainers) {
  oci::Process process = asked(0);
  process.capabilities.reset();
  EXPECT_EQ(run(stored(), process).capabilities.bounding, stored().process.capabilities.bounding);
}

TEST(Exec, NoNewPrivilegesIsNeverLostAndComesWithRestricted) {
  oci::Spec spec = samples::docker_spec();
  EXPECT_FALSE(run(stored(spec), asked(0)).no_new_privileges);
  Policy policy;
  policy.profile = *shipped_profile("restricted");
  EXPECT_TRUE(run(stored(spec), asked(0), policy).no_new_privileges);
  spec.process->no_new_privileges = true;
  EXPECT_TRUE(run(stored(spec), asked(0)).no_new_privileges);
}

TEST(Exec, ALabelOfItsOwnDoesNotReplaceTheContainers) {
  Plan plan = stored();
  plan.process.apparmor_profile = "docker-default";
  plan.process.selinux_label = "system_u:system_r:container_t:s0:c1,c2";
  oci::Process process = asked(0);
  process.apparmor_profile = "unconfined";
  process.selinux_label = "system_u:system_r:spc_t:s0";
  const ProcessPlan result = run(plan, process);
  EXPECT_EQ(result.apparmor_profile, "docker-default");
  EXPECT_EQ(result.selinux_label, "system_u:system_r:container_t:s0:c1,c2");
}

TEST(Exec, UnderModeOffItIsAsAskedForAContainerOfModeOff) {
  Policy off;
  off.mode = Mode::kOff;
  const Plan plan = stored(samples::docker_spec(), off);
  EXPECT_EQ(run(plan, asked(samples::kAllCapabilities), off).capabilities.bounding,
            samples::kAllCapabilities);
  // A policy that has come since holds.
  EXPECT_NE(run(plan, asked(samples::kAllCapabilities)).capabilities.bounding,
            samples::kAllCapabilities);
  // And a container that was enforced stays so.
  EXPECT_EQ(run(stored(), asked(samples::kAllCapabilities), off).capabilities.bounding,
            stored().process.capabilities.bounding);
}

TEST(Update, ZerosLeaveAloneAndDeviceRulesAreNotChanged) {
  oci::Resources wish;
  wish.memory.emplace();
  wish.memory->limit = 0;
  wish.memory->swap = 512 << 20;
  wish.cpu.emplace();
  wish.cpu->shares = 0;
  wish.cpu->quota = 50000;
  wish.pids = oci::PidsResources{0};
  wish.devices.push_back({true, "a", std::nullopt, std::nullopt, "rwm"});
  auto update = resolve_update(stored(), wish, {}, HostFacts::Cgroup::kV2);
  ASSERT_TRUE(update);
  const oci::Resources* r = &update->changes;
  EXPECT_FALSE(r->memory->limit);
  EXPECT_EQ(r->memory->swap, 512 << 20);
  EXPECT_FALSE(r->cpu->shares);
  EXPECT_EQ(r->cpu->quota, 50000);
  EXPECT_FALSE(r->pids);
  EXPECT_TRUE(r->devices.empty());
}

TEST(Update, RestrictedKeepsALimitOnProcesses) {
  Policy policy;
  policy.profile = *shipped_profile("restricted");
  oci::Resources wish;
  wish.pids = oci::PidsResources{-1};
  auto r =
      resolve_update(stored(samples::docker_spec(), policy), wish, policy, HostFacts::Cgroup::kV2);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->changes.pids->limit, 4096);
  EXPECT_EQ(resolve_update(stored(), wish, {}, HostFacts::Cgroup::kV2)->changes.pids->limit, -1);
}

}  // namespace
}  // namespace holdfast
