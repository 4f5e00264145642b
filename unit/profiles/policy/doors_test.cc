// The doors beside create: exec, update and hooks, each under the stored plan and the current policy.
#include <gtest/gtest.h>

#include <algorithm>

#include "profiles/policy/resolve.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

Plan stored(const oci::Spec& spec = samples::docker_spec(), const Policy& policy = {}) {
  auto r = resolve(samples::request(), spec, policy, samples::facts());
  EXPECT_TRUE(r) << r.error().message;
  return r ? r->plan : Plan{};
}

oci::Process asked() {
  oci::Process process;
  process.args = {"sh"};
  process.cwd = "/";
  process.capabilities = samples::capabilities(samples::docker_capabilities());
  return process;
}

std::string refused(const oci::Process& process, const Policy& policy,
                    const Plan& plan = stored()) {
  auto r = resolve_exec(plan, process, policy, samples::facts());
  EXPECT_FALSE(r);
  return r ? "" : r.error().message;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

TEST(ExecDoor, EverythingThatTheProfileDeniesIsToldAtOnce) {
  Policy policy;
  policy.profile.exec.access = Access::kDeny;
  policy.profile.exec.terminal = Access::kDeny;
  policy.profile.exec.root = Access::kDeny;
  oci::Spec spec = samples::docker_spec();
  spec.process->user.uid = 1000;
  oci::Process process = asked();
  process.terminal = true;
  const std::string text = refused(process, policy, stored(spec));
  for (const char* part : {"runs sh by exec [HF-C019", "wants a terminal", "uid 1000"})
    EXPECT_TRUE(contains(text, part)) << part << " in " << text;
  policy.mode = Mode::kWarn;
  EXPECT_TRUE(resolve_exec(stored(spec), process, policy, samples::facts()));
}

TEST(ExecDoor, AnExceptionOpensWhatItNames) {
  Policy policy;
  policy.profile.exec.access = Access::kDeny;
  policy.profile.exec.terminal = Access::kDeny;
  policy.grants = {{"exec", "incident", "TICKET-9"}};
  oci::Process process = asked();
  EXPECT_TRUE(resolve_exec(stored(), process, policy, samples::facts()));
  process.terminal = true;
  EXPECT_TRUE(contains(refused(process, policy), "wants a terminal"));
}

TEST(ExecDoor, CapabilitiesAreThoseOfPlanPolicyAndExecRules) {
  Policy policy;
  policy.profile.exec.capabilities = {samples::capability(CAP_CHOWN) |
                                      samples::capability(CAP_SYS_PTRACE)};
  const auto bounding = [&](const Policy& p) {
    oci::Process process = asked();
    process.capabilities = samples::capabilities(samples::kAllCapabilities);
    auto r = resolve_exec(stored(), process, p, samples::facts());
    EXPECT_TRUE(r) << r.error().message;
    return r ? r->capabilities.bounding : 0;
  };
  EXPECT_EQ(bounding(policy), samples::capability(CAP_CHOWN));
  // Broken glass gives what the container itself has not, where it is asked for.
  policy.grants = {{"execCapabilities:SYS_PTRACE", "gdb", "TICKET-9"}};
  EXPECT_EQ(bounding(policy), samples::capability(CAP_CHOWN) | samples::capability(CAP_SYS_PTRACE));
}

TEST(ExecDoor, BrokenGlassGivesNothingThatIsNotAskedFor) {
  Policy policy;
  policy.grants = {{"execCapabilities:SYS_PTRACE", "gdb", "TICKET-9"}};
  auto r = resolve_exec(stored(), asked(), policy, samples::facts());
  ASSERT_TRUE(r);
  EXPECT_FALSE(r->capabilities.bounding & samples::capability(CAP_SYS_PTRACE));
}

oci::Spec with_hook(std::string path, oci::Strings args = {}) {
  oci::Spec spec = samples::docker_spec();
  oci::Hook hook;
  hook.path = std::move(path);
  hook.args = std::move(args);
  spec.hooks.create_runtime.push_back(std::move(hook));
  return spec;
}

std::string hook_refused(const oci::Spec& spec, const Policy& policy) {
  auto r = resolve(samples::request(), spec, policy, samples::facts());
  EXPECT_FALSE(r);
  return r ? "" : r.error().message;
}

TEST(HookDoor, OnlyNamedProgramsRunWhereTheProfileNamesAny) {
  Policy policy;
  policy.profile.hooks.allow = {{{"/usr/bin/good", std::string(64, 'a')}}};
  const Plan plan = stored(with_hook("/usr/bin/good"), policy);
  EXPECT_EQ(plan.hooks.create_runtime[0].sha256, std::string(64, 'a'));
  EXPECT_TRUE(contains(hook_refused(with_hook("/usr/bin/bad"), policy), "runs hook /usr/bin/bad"));
  stored(with_hook("/proc/123/exe", {"libnetwork-setkey", "x"}), policy);
  EXPECT_TRUE(contains(hook_refused(with_hook("/proc/123/exe", {"sh"}), policy), "HF-C020"));
  EXPECT_TRUE(contains(hook_refused(with_hook("/proc/../x/exe", {"libnetwork-setkey"}), policy),
                       "HF-C020"));
  policy.grants = {{"hooks:/usr/bin/bad", "x", "y"}};
  stored(with_hook("/usr/bin/bad"), policy);
}

TEST(HookDoor, WhatTheContainerCanWriteToIsNotRun) {
  Policy policy;
  oci::Spec spec = with_hook("/srv/data/hook");
  spec.mounts.push_back({"/data", "bind", "/srv/data", {"rbind"}, {}, {}});
  EXPECT_TRUE(contains(hook_refused(spec, policy), "from what is mounted on /data"));
  spec.mounts.back().options.push_back("ro");
  EXPECT_TRUE(stored(spec, policy).hooks.create_runtime[0].trusted);
  EXPECT_TRUE(contains(hook_refused(with_hook("/var/lib/docker/overlay2/3f/merged/bin/x"), policy),
                       "the container's root"));
}

TEST(HookDoor, AConfigurationCannotSayThatItsHookIsTrusted) {
  oci::Spec spec = with_hook("/x");
  spec.hooks.create_runtime[0].trusted = true;
  spec.hooks.create_runtime[0].sha256 = "ff";
  Policy off;
  off.mode = Mode::kOff;
  const Plan plan = stored(spec, off);
  EXPECT_FALSE(plan.hooks.create_runtime[0].trusted);
  EXPECT_EQ(plan.hooks.create_runtime[0].sha256, "");
}

TEST(HookDoor, TimeIsLimited) {
  Policy policy;
  policy.profile.hooks.timeout = Seconds{30};
  oci::Spec spec = with_hook("/usr/bin/x");
  EXPECT_EQ(stored(spec, policy).hooks.create_runtime[0].timeout, 30);
  spec.hooks.create_runtime[0].timeout = 5;
  EXPECT_EQ(stored(spec, policy).hooks.create_runtime[0].timeout, 5);
}

TEST(Devices, AreAllowedByTheHostsNodeAndNotByTheirName) {
  Policy policy;
  policy.profile = *shipped_profile("restricted");
  policy.profile.devices.allow.push_back("/dev/kvm");
  oci::Spec spec = samples::docker_spec();
  oci::Device device;
  device.path = "/dev/kvm";
  device.type = "c";
  device.major = 10;
  device.minor = 232;
  spec.linux_.devices = {device};
  Request request = samples::request();
  EXPECT_FALSE(resolve(request, spec, policy, samples::facts()));
  request.device_nodes["/dev/kvm"] = "c 10:232";
  EXPECT_TRUE(resolve(request, spec, policy, samples::facts()));
  // The disk under the name of what is allowed or excepted.
  spec.linux_.devices[0].type = "b";
  spec.linux_.devices[0].major = 8;
  spec.linux_.devices[0].minor = 0;
  EXPECT_FALSE(resolve(request, spec, policy, samples::facts()));
  policy.grants = {{"devices:/dev/kvm", "x", "y"}};
  EXPECT_FALSE(resolve(request, spec, policy, samples::facts()));
  spec.linux_.devices[0].path = "/dev/fuse";
  EXPECT_FALSE(resolve(request, spec, policy, samples::facts()));
}

TEST(Rlimits, HaveDefaultsAndCeilings) {
  Policy policy;
  policy.profile.rlimits["RLIMIT_NOFILE"] = {Quantity{1024}, Quantity{4096}};
  policy.profile.rlimits["RLIMIT_CORE"] = {std::nullopt, Quantity{0}};
  oci::Spec spec = samples::docker_spec();
  spec.process->rlimits = {{.type = "RLIMIT_CORE", .soft = UINT64_MAX, .hard = UINT64_MAX}};
  Plan plan = stored(spec, policy);
  ASSERT_EQ(plan.process.rlimits.size(), 2u);
  EXPECT_EQ(plan.process.rlimits[0].hard, 0u);
  EXPECT_EQ(plan.process.rlimits[0].soft, 0u);
  EXPECT_EQ(plan.process.rlimits[1].type, "RLIMIT_NOFILE");
  EXPECT_EQ(plan.process.rlimits[1].soft, 1024u);
  EXPECT_EQ(plan.process.rlimits[1].hard, 4096u);
  policy.grants = {{"rlimits:RLIMIT_CORE", "x", "y"}};
  EXPECT_EQ(stored(spec, policy).process.rlimits[0].hard, UINT64_MAX);
  // An exec is held to them, too.
  policy.grants.clear();
  oci::Process process = asked();
  process.rlimits = {{.type = "RLIMIT_NOFILE", .soft = 8192, .hard = 8192}};
  auto r = resolve_exec(stored(), process, policy, samples::facts());
  ASSERT_TRUE(r);
  EXPECT_EQ(r->rlimits[0].hard, 4096u);
}

TEST(Requirements, WhatCannotBeAppliedIsRefusedWhereRequiredAndToldWhereWanted) {
  Policy policy;
  policy.profile.mdwe = Requirement::kRequire;
  HostFacts facts = samples::facts();
  facts.mdwe = false;
  const auto r = resolve(samples::request(), samples::docker_spec(), policy, facts);
  ASSERT_FALSE(r);
  EXPECT_TRUE(
      contains(r.error().message, "requires mdwe, but PR_SET_MDWE needs Linux 6.3 [HF-C025"))
      << r.error().message;
  policy.profile.mdwe = Requirement::kAuto;
  const auto told = resolve(samples::request(), samples::docker_spec(), policy, facts);
  ASSERT_TRUE(told);
  EXPECT_TRUE(std::any_of(told->plan.decisions.begin(), told->plan.decisions.end(), [](auto& d) {
    return d.control == "mdwe" && d.outcome == Outcome::kNotPossible;
  }));
  facts.mdwe = true;
  const auto applied = resolve(samples::request(), samples::docker_spec(), policy, facts);
  ASSERT_TRUE(applied);
  EXPECT_TRUE(applied->plan.process.mdwe);
}

TEST(Audit, ChangesNothingAndRecordsWhatEnforceWouldDo) {
  oci::Spec spec = samples::docker_spec();
  Policy policy;
  policy.profile = *shipped_profile("restricted");
  policy.mode = Mode::kAudit;
  const auto r = resolve(samples::request(), spec, policy, samples::facts());
  ASSERT_TRUE(r);
  ASSERT_EQ(r->filters.size(), 1u);  // the engine's
  EXPECT_EQ(r->plan.process.capabilities.bounding, samples::docker_capabilities());
  EXPECT_FALSE(r->plan.process.no_new_privileges);
  EXPECT_TRUE(std::any_of(r->plan.decisions.begin(), r->plan.decisions.end(),
                          [](auto& d) { return contains(d.why, "mode audit: would be"); }));
}

TEST(Observe, GivesWhatIsAsked) {
  Policy policy;
  policy.profile = *shipped_profile("observe");
  const auto r = resolve(samples::request(), samples::privileged_spec(), policy, samples::facts());
  ASSERT_TRUE(r);
  EXPECT_EQ(r->plan.process.capabilities.bounding, samples::kAllCapabilities);
  oci::Spec spec = samples::docker_spec();
  spec.process->capabilities =
      samples::capabilities(samples::docker_capabilities() | samples::capability(CAP_SYS_ADMIN));
  spec.linux_.masked_paths.clear();
  const auto loose = resolve(samples::request(), spec, policy, samples::facts());
  ASSERT_TRUE(loose) << loose.error().message;
  EXPECT_TRUE(loose->plan.process.capabilities.bounding & samples::capability(CAP_SYS_ADMIN));
  EXPECT_TRUE(loose->plan.masked_paths.empty());
  EXPECT_EQ(loose->filters.size(), 1u);
}

}  // namespace
}  // namespace holdfast
