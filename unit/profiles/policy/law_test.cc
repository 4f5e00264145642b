// Laws of resolve(): tested over generated specs, not over one example.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "profiles/policy/resolve.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  bool chance(uint32_t percent) { return random_() % 100 < percent; }

  oci::Spec spec() {
    if (chance(10)) return samples::privileged_spec();
    oci::Spec spec = samples::docker_spec();
    // NET_ADMIN, SYS_PTRACE, IPC_LOCK, SYS_NICE and subsets of Docker's: what enforcement lets start.
    uint64_t mask = samples::docker_capabilities() & (uint64_t{random_()} << 32 | random_());
    for (const int number : {CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_IPC_LOCK, CAP_SYS_NICE})
      if (chance(20)) mask |= samples::capability(number);
    spec.process->capabilities = samples::capabilities(mask);
    auto& sets = *spec.process->capabilities;
    if (chance(30)) sets.inheritable = sets.bounding;
    if (chance(30)) sets.ambient = sets.effective;
    if (chance(20)) sets.permitted.clear();
    spec.process->no_new_privileges = chance(50);
    spec.process->user.uid = chance(50) ? 0 : 1000;
    if (chance(30)) spec.linux_.masked_paths.resize(random_() % 10);
    if (chance(30)) spec.linux_.readonly_paths.clear();
    if (chance(30)) spec.linux_.seccomp.reset();
    if (chance(20)) spec.linux_.namespaces.push_back({oci::NamespaceType::kUser, ""});
    if (chance(30)) spec.linux_.resources->pids = oci::PidsResources{chance(50) ? 100 : -1};
    if (chance(20)) spec.mounts.push_back({"/h", "bind", "/etc", {"rbind", "rshared"}, {}, {}});
    return spec;
  }

  Request request() {
    Request request = samples::request();
    if (chance(50))
      request.ping = Request::Ping{"/bin/ping", chance(50) ? samples::capability(CAP_NET_RAW) : 0};
    return request;
  }

  Policy policy() {
    Policy policy;
    if (chance(50)) policy.profile = *shipped_profile("restricted");
    Profile& profile = policy.profile;
    if (chance(30)) profile.capabilities.allow.bits &= random_();
    if (chance(20)) profile.privileged = Access::kDeny;
    if (chance(20)) profile.limits.pids = {Quantity{50}, Quantity{80}};
    if (chance(20)) profile.rlimits["RLIMIT_NOFILE"] = {Quantity{1024}, Quantity{2048}};
    if (chance(20)) profile.seccomp.remove.push_back("@ptrace");
    if (chance(20)) profile.masked_paths.push_back("/proc/mine");
    for (const char* name :
         {"nestedContainers", "maskedPaths", "capabilities:NET_RAW", "privileged",
          "capabilities:SYS_PTRACE", "noNewPrivileges", "limits:pids"})
      if (chance(15)) policy.grants.push_back({name, "test", "test"});
    return policy;
  }

 private:
  std::mt19937 random_;
};

bool within(uint64_t inner, uint64_t outer) { return (inner & ~outer) == 0; }

uint64_t mask_of(const oci::Strings& names) {
  uint64_t mask = 0;
  for (const std::string& name : names) mask |= samples::capability(*capability_number(name));
  return mask;
}

bool includes(const oci::Strings& all, const oci::Strings& part) {
  return std::all_of(part.begin(), part.end(), [&](const std::string& each) {
    return std::find(all.begin(), all.end(), each) != all.end();
  });
}

bool told(const Plan& plan, std::string_view control) {
  return std::any_of(plan.decisions.begin(), plan.decisions.end(), [&](const Decision& d) {
    return d.control.find(control) != std::string::npos &&
           (d.outcome == Outcome::kTightened || d.outcome == Outcome::kNotPossible);
  });
}

// The same container asked for once more, as it was decided.
oci::Spec as_decided(const oci::Spec& asked, const Plan& plan) {
  oci::Spec spec = asked;
  const CapabilitySets& sets = plan.process.capabilities;
  auto& out = *spec.process->capabilities;
  out.bounding = capability_list(sets.bounding);
  out.effective = capability_list(sets.effective);
  out.permitted = capability_list(sets.permitted);
  out.inheritable = capability_list(sets.inheritable);
  out.ambient = capability_list(sets.ambient);
  spec.process->no_new_privileges = plan.process.no_new_privileges;
  spec.linux_.masked_paths = plan.masked_paths;
  spec.linux_.readonly_paths = plan.readonly_paths;
  spec.linux_.resources = plan.cgroup.resources;
  spec.linux_.sysctl = plan.sysctl;
  return spec;
}

void expect_not_looser(const oci::Spec& asked, const Resolved& r) {
  const CapabilitySets& sets = r.plan.process.capabilities;
  const oci::Capabilities& wanted = *asked.process->capabilities;
  EXPECT_TRUE(within(sets.bounding, mask_of(wanted.bounding)));
  EXPECT_TRUE(within(sets.effective, mask_of(wanted.effective)));
  EXPECT_TRUE(within(sets.permitted, mask_of(wanted.permitted)));
  EXPECT_TRUE(within(sets.inheritable, mask_of(wanted.inheritable) | sets.ambient));
  EXPECT_TRUE(within(sets.ambient, mask_of(wanted.ambient)));
  EXPECT_TRUE(r.plan.process.no_new_privileges || !asked.process->no_new_privileges);
  EXPECT_TRUE(includes(r.plan.masked_paths, asked.linux_.masked_paths));
  EXPECT_TRUE(includes(r.plan.readonly_paths, asked.linux_.readonly_paths));
  if (asked.linux_.seccomp) {
    // The engine's filter is loaded as it is; what stands beneath it can only deny more.
    ASSERT_FALSE(r.filters.empty());
    EXPECT_EQ(cache_key(r.filters.back().seccomp), cache_key(*asked.linux_.seccomp));
    EXPECT_FALSE(r.filters.back().options.complain);
  }
}

void expect_changes_told(const oci::Spec& asked, const Resolved& r) {
  const CapabilitySets& sets = r.plan.process.capabilities;
  const oci::Capabilities& wanted = *asked.process->capabilities;
  const auto expect_told = [&](bool changed, std::string_view control) {
    EXPECT_TRUE(!changed || told(r.plan, control)) << control;
  };
  expect_told(sets.bounding != mask_of(wanted.bounding) ||
                  sets.effective != mask_of(wanted.effective) ||
                  sets.ambient != mask_of(wanted.ambient) ||
                  sets.inheritable != mask_of(wanted.inheritable),
              "capabilities");
  expect_told(r.plan.process.no_new_privileges != asked.process->no_new_privileges,
              "noNewPrivileges");
  expect_told(r.plan.masked_paths != asked.linux_.masked_paths, "maskedPaths");
  expect_told(r.plan.readonly_paths != asked.linux_.readonly_paths, "readonlyPaths");
  expect_told(r.filters.size() != (asked.linux_.seccomp ? 1u : 0u), "seccomp");
  const auto& limit = r.plan.cgroup.resources.pids;
  const auto& wish = asked.linux_.resources->pids;
  expect_told(limit && (!wish || wish->limit != limit->limit), "pidsLimit");
}

TEST(ResolveLaws, NeverLooserAlwaysToldAndStableWhenRepeated) {
  Generator generate(20260101);
  size_t started = 0;
  for (int round = 0; round < 400; ++round) {
    const oci::Spec asked = generate.spec();
    const Policy policy = generate.policy();
    const Request request = generate.request();
    auto r = resolve(request, asked, policy, samples::facts());
    if (!r) continue;
    ++started;
    expect_not_looser(asked, *r);
    expect_changes_told(asked, *r);
    auto again = resolve(request, as_decided(asked, r->plan), policy, samples::facts());
    ASSERT_TRUE(again) << again.error().message;
    Plan first = r->plan, second = again->plan;
    // What the engine itself leaves out is not taken away, so that nothing makes up for it.
    EXPECT_TRUE(second.nosuid_paths.empty());
    first.nosuid_paths.clear();
    // What is privileged is recognised by what was asked: a tightened one is privileged no more.
    first.decisions.clear();
    second.decisions.clear();
    EXPECT_EQ(encode_plan(first), encode_plan(second));
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
  EXPECT_GT(started, 100u);
}

// What the profile says holds for whatever is asked, unless an exception or privilege says otherwise.
TEST(ResolveLaws, NeverLooserThanTheProfile) {
  Generator generate(99);
  size_t started = 0;
  for (int round = 0; round < 400; ++round) {
    const oci::Spec asked = generate.spec();
    Policy policy = generate.policy();
    policy.grants.clear();
    auto r = resolve(samples::request(), asked, policy, samples::facts());
    if (!r || samples::find_decision(r->plan, "HF-C001")) continue;
    ++started;
    const CapabilityRules& rules = policy.profile.capabilities;
    EXPECT_TRUE(
        within(r->plan.process.capabilities.bounding, rules.allow.bits | rules.on_request.bits));
    EXPECT_TRUE(includes(r->plan.masked_paths, policy.profile.masked_paths));
    EXPECT_TRUE(includes(r->plan.readonly_paths, policy.profile.readonly_paths));
    EXPECT_GE(r->filters.size(), 1u);
    EXPECT_TRUE(r->plan.process.no_new_privileges ||
                policy.profile.no_new_privileges == Requirement::kOff);
    if (policy.profile.limits.pids.max) {
      ASSERT_TRUE(r->plan.cgroup.resources.pids);
      EXPECT_LE(*r->plan.cgroup.resources.pids->limit, policy.profile.limits.pids.max->value);
    }
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
  EXPECT_GT(started, 50u);
}

// The order in which a spec lists things decides nothing.
TEST(ResolveLaws, TheOrderOfListsDecidesNothing) {
  Generator generate(5);
  std::mt19937 random(6);
  size_t started = 0;
  for (int round = 0; round < 200; ++round) {
    const oci::Spec asked = generate.spec();
    Policy policy = generate.policy();
    oci::Spec shuffled = asked;
    auto& sets = *shuffled.process->capabilities;
    for (oci::Strings* each : {&sets.bounding, &sets.effective, &sets.permitted,
                               &shuffled.linux_.masked_paths, &shuffled.linux_.readonly_paths})
      std::shuffle(each->begin(), each->end(), random);
    std::shuffle(shuffled.linux_.namespaces.begin(), shuffled.linux_.namespaces.end(), random);
    Policy mixed = policy;
    std::shuffle(mixed.grants.begin(), mixed.grants.end(), random);
    auto r = resolve(samples::request(), asked, policy, samples::facts());
    auto s = resolve(samples::request(), shuffled, mixed, samples::facts());
    ASSERT_EQ(r.has_value(), s.has_value()) << "round " << round;
    if (!r) continue;
    ++started;
    EXPECT_EQ(r->plan.process.capabilities.bounding, s->plan.process.capabilities.bounding);
    EXPECT_EQ(r->plan.process.capabilities.effective, s->plan.process.capabilities.effective);
    EXPECT_EQ(r->plan.process.no_new_privileges, s->plan.process.no_new_privileges);
    EXPECT_TRUE(includes(r->plan.masked_paths, s->plan.masked_paths) &&
                includes(s->plan.masked_paths, r->plan.masked_paths));
    EXPECT_EQ(r->filters.size(), s->filters.size());
  }
  EXPECT_GT(started, 50u);
}

TEST(ResolveLaws, RestrictedNeverGivesMoreThanBaseline) {
  Generator generate(7);
  size_t both = 0;
  for (int round = 0; round < 300; ++round) {
    const oci::Spec asked = generate.spec();
    Policy policy;
    auto loose = resolve(samples::request(), asked, policy, samples::facts());
    policy.profile = *shipped_profile("restricted");
    auto tight = resolve(samples::request(), asked, policy, samples::facts());
    if (!tight) continue;
    ASSERT_TRUE(loose) << loose.error().message;
    ++both;
    const CapabilitySets &l = loose->plan.process.capabilities,
                         &t = tight->plan.process.capabilities;
    EXPECT_TRUE(within(t.bounding, l.bounding) && within(t.effective, l.effective) &&
                within(t.ambient, l.ambient) && within(t.inheritable, l.inheritable));
    EXPECT_TRUE(includes(tight->plan.masked_paths, loose->plan.masked_paths));
    EXPECT_GE(tight->filters.size(), loose->filters.size());
  }
  EXPECT_GT(both, 30u);
}

}  // namespace
}  // namespace holdfast
