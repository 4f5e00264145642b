#include "profiles/policy/apparmor_profile.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/mount.h>

#include <algorithm>

#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

using samples::docker_spec;

HostFacts facts() {
  HostFacts facts = samples::facts();
  facts.apparmor = true;
  return facts;
}

oci::Spec confined(std::string profile = "docker-default") {
  oci::Spec spec = docker_spec();
  spec.process->apparmor_profile = std::move(profile);
  return spec;
}

Policy wanting(Requirement requirement) {
  Policy policy;
  policy.profile = *shipped_profile("baseline");
  policy.profile.app_armor = requirement;
  return policy;
}

Result<Resolved> decide(const oci::Spec& spec, const Policy& policy, const HostFacts& host,
                        std::string obstacle = {}) {
  Request request = samples::request();
  request.apparmor_obstacle = std::move(obstacle);
  return resolve(request, spec, policy, host);
}

const Decision* decision(const Plan& plan) {
  for (const Decision& each : plan.decisions)
    if (each.control == "appArmor") return &each;
  return nullptr;
}

bool has_rule(const AppArmorProfile& profile, std::string_view rule) {
  return profile.text.find("\n  " + std::string(rule) + ",\n") != std::string::npos;
}

Plan plan_of(const oci::Spec& spec) {
  auto resolved = decide(spec, wanting(Requirement::kOff), facts());
  EXPECT_TRUE(resolved) << resolved.error().message;
  return resolved ? std::move(resolved->plan) : Plan{};
}

TEST(AppArmor, OursIsStackedOnTheEngines) {
  const auto r = decide(confined(), wanting(Requirement::kAuto), facts());
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_TRUE(r->apparmor.name.starts_with("holdfast-"));
  EXPECT_EQ(r->apparmor.label, ":holdfast:" + r->apparmor.name);
  EXPECT_EQ(r->plan.process.apparmor_profile, "docker-default//&" + r->apparmor.label);
  ASSERT_NE(decision(r->plan), nullptr);
  EXPECT_EQ(decision(r->plan)->outcome, Outcome::kTightened);
  EXPECT_EQ(decision(r->plan)->asked, "docker-default");
}

TEST(AppArmor, WithoutAnEnginesProfileOursStandsAlone) {
  for (const char* none : {"", "unconfined"}) {
    const auto r = decide(confined(none), wanting(Requirement::kAuto), facts());
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_EQ(r->plan.process.apparmor_profile, r->apparmor.name);
    EXPECT_EQ(r->apparmor.label, r->apparmor.name);
  }
}

TEST(AppArmor, WhatTheHostLacksIsToldOrRefused) {
  const auto told = decide(confined(), wanting(Requirement::kAuto), facts(), "no parser here");
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->plan.process.apparmor_profile, "docker-default");
  EXPECT_TRUE(told->apparmor.name.empty());
  const auto& all = told->plan.decisions;
  EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const Decision& d) {
    return d.outcome == Outcome::kNotPossible && d.why == "no parser here";
  }));
  const auto refused =
      decide(confined(), wanting(Requirement::kRequire), facts(), "no parser here");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("requires appArmor, but no parser here"),
            std::string::npos)
      << refused.error().message;
  // A kernel without AppArmor is the same, unless the engine asks for a profile itself.
  EXPECT_FALSE(decide(confined(""), wanting(Requirement::kRequire), samples::facts()));
  EXPECT_TRUE(decide(confined(""), wanting(Requirement::kAuto), samples::facts()));
}

TEST(AppArmor, NothingIsStackedWhereItIsOffExceptedOrOnlyReported) {
  Policy excepted = wanting(Requirement::kRequire);
  excepted.grants.push_back({"appArmor", "test", "TICKET-12"});
  Policy warning = wanting(Requirement::kAuto);
  warning.mode = Mode::kWarn;
  for (const Policy& policy : {wanting(Requirement::kOff), excepted, warning}) {
    const auto r = decide(confined(), policy, facts());
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_EQ(r->plan.process.apparmor_profile, "docker-default");
    EXPECT_TRUE(r->apparmor.name.empty());
  }
}

TEST(AppArmor, TheSamePlanGivesTheSameProfileAndAnotherOneAnother) {
  const Plan plan = plan_of(confined());
  const AppArmorProfile one = apparmor_profile(plan, {.stacked = true});
  Plan renamed = plan;
  renamed.id = "another";
  EXPECT_EQ(apparmor_profile(renamed, {.stacked = true}).text, one.text);
  Plan weaker = plan;
  weaker.process.capabilities.bounding &= ~(uint64_t{1} << CAP_CHOWN);
  EXPECT_NE(apparmor_profile(weaker, {.stacked = true}).name, one.name);
}

TEST(AppArmor, TheRulesAreThePlans) {
  const Plan plan = plan_of(confined());
  const AppArmorProfile profile = apparmor_profile(plan, {});
  EXPECT_TRUE(has_rule(profile, "capability chown"));
  EXPECT_FALSE(has_rule(profile, "capability net_raw"));
  EXPECT_FALSE(has_rule(profile, "capability"));
  EXPECT_FALSE(has_rule(profile, "mount"));
  EXPECT_TRUE(has_rule(profile, "deny network alg"));
  EXPECT_TRUE(has_rule(profile, "deny /proc/kcore{,/} rwklx"));
  EXPECT_TRUE(has_rule(profile, "deny /proc/sys/** wl"));
  EXPECT_TRUE(has_rule(profile, "signal (send) peer=" + profile.name));
  EXPECT_TRUE(has_rule(profile, "ptrace (read, trace) peer=" + profile.name));
}

TEST(AppArmor, NestedContainersMayMount) {
  const AppArmorProfile profile = apparmor_profile(plan_of(confined()), {.nested = true});
  for (const char* rule : {"capability", "deny capability mac_admin", "mount", "umount",
                           "pivot_root", "deny network alg"})
    EXPECT_TRUE(has_rule(profile, rule)) << rule;
  Plan administrator = plan_of(confined());
  administrator.process.capabilities.bounding |= uint64_t{1} << CAP_SYS_ADMIN;
  EXPECT_TRUE(has_rule(apparmor_profile(administrator, {}), "mount"));
}

TEST(AppArmor, WhoSharesAPidNamespaceReachesItsProcesses) {
  Plan plan = plan_of(confined());
  for (oci::Namespace& each : plan.namespaces)
    if (each.type == oci::NamespaceType::kPid) each.path = "/proc/7/ns/pid";
  EXPECT_TRUE(has_rule(apparmor_profile(plan, {}), "signal"));
  EXPECT_TRUE(has_rule(apparmor_profile(plan, {}), "ptrace"));
}

TEST(AppArmor, APathStandsForItselfOnlyWhateverItsName) {
  Plan plan = plan_of(confined());
  plan.masked_paths = {"/proc/{a,b}*", "/x r,\n capability", "/a//b/",
                       "/q\"\\@{x}é",  "relative",           "/"};
  const AppArmorProfile profile = apparmor_profile(plan, {});
  EXPECT_TRUE(has_rule(profile, R"(deny /proc/\173a\054b\175\052{,/} wl)"));
  EXPECT_TRUE(has_rule(profile, R"(deny /x\040r\054\012\040capability{,/} wl)"));
  EXPECT_TRUE(has_rule(profile, "deny /a/b{,/} wl"));
  EXPECT_TRUE(has_rule(profile, R"(deny /q\042\134\100\173x\175\303\251/** wl)"));
  EXPECT_EQ(profile.text.find("relative"), std::string::npos);
  EXPECT_EQ(profile.text.find("deny {,/}"), std::string::npos);
  EXPECT_FALSE(has_rule(profile, "capability"));
}

TEST(AppArmor, WhatIsMountedBeneathAReadOnlyPathStaysWritable) {
  Plan plan = plan_of(confined());
  plan.readonly_paths = {"/data"};
  EXPECT_TRUE(has_rule(apparmor_profile(plan, {}), "deny /data/** wl"));
  MountPlan mount;
  mount.destination = "/data/inner";
  plan.mounts.push_back(mount);
  EXPECT_FALSE(has_rule(apparmor_profile(plan, {}), "deny /data/** wl"));
  EXPECT_TRUE(has_rule(apparmor_profile(plan, {}), "deny /data{,/} wl"));
}

TEST(AppArmor, AReadOnlyRootIsReadOnlyWhereNothingIsMounted) {
  Plan plan = plan_of(confined());
  EXPECT_FALSE(has_rule(apparmor_profile(plan, {}), "deny /usr/{,**} wl"));
  plan.readonly_rootfs = true;
  MountPlan volume;
  volume.destination = "/var/lib/data";
  plan.mounts.push_back(volume);
  EXPECT_TRUE(has_rule(apparmor_profile(plan, {}), "deny /usr/{,**} wl"));
  EXPECT_FALSE(has_rule(apparmor_profile(plan, {}), "deny /var/{,**} wl"));
}

}  // namespace
}  // namespace holdfast
