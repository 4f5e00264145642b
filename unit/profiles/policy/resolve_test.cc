#include "profiles/policy/resolve.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

using samples::docker_spec;
using samples::facts;
using samples::find_decision;
using samples::request;

Resolved resolved(const oci::Spec& spec, const Policy& policy = {}) {
  auto result = resolve(request(), spec, policy, facts());
  EXPECT_TRUE(result) << result.error().message;
  return result ? std::move(*result) : Resolved{};
}

TEST(Resolve, DockersContainerLosesNetRawAndNothingElse) {
  const Resolved r = resolved(docker_spec());
  const uint64_t lost = uint64_t{1} << CAP_NET_RAW;
  EXPECT_EQ(r.plan.process.capabilities.bounding, samples::docker_capabilities() & ~lost);
  EXPECT_EQ(r.plan.process.capabilities.effective, samples::docker_capabilities() & ~lost);
  EXPECT_EQ(r.plan.process.capabilities.inheritable, 0u);
  const Decision* d = find_decision(r.plan, "HF-C004");
  ASSERT_NE(d, nullptr);
  EXPECT_EQ(d->outcome, Outcome::kTightened);
  EXPECT_EQ(d->asked, "+NET_RAW");
}

TEST(Resolve, TheProfilesFilterIsLoadedBeneathTheEngines) {
  const Resolved r = resolved(docker_spec());
  ASSERT_EQ(r.filters.size(), 2u);
  EXPECT_EQ(r.filters[0].plan.name, "baseline denylist");
  EXPECT_EQ(r.filters[0].plan.origin, FilterOrigin::kProfile);
  EXPECT_TRUE(r.filters[0].options.own);
  EXPECT_EQ(r.filters[1].plan.origin, FilterOrigin::kEngine);
  EXPECT_FALSE(r.filters[1].options.own);
  ASSERT_EQ(r.plan.filters.size(), 2u);
}

std::string refused(const oci::Spec& spec, const Policy& policy = {}) {
  auto result = resolve(request(), spec, policy, facts());
  EXPECT_FALSE(result);
  return result ? std::string() : result.error().message;
}

Policy restricted() {
  Policy policy;
  policy.profile = *shipped_profile("restricted");
  return policy;
}

Policy with_exception(std::string name, Policy policy = {}) {
  policy.grants.push_back({std::move(name), "test", "TICKET-12"});
  return policy;
}

oci::Spec with_capability(int number) {
  oci::Spec spec = docker_spec();
  spec.process->capabilities =
      samples::capabilities(samples::docker_capabilities() | samples::capability(number));
  return spec;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

TEST(Resolve, ARefusalTellsEveryViolationInOneLine) {
  oci::Spec spec = with_capability(CAP_SYS_ADMIN);
  spec.mounts.push_back({"/s", "bind", "/var/run/docker.sock", {"rbind"}, {}, {}});
  Policy policy;
  policy.source = "/etc/holdfast/policy.d/10-node.json:4";
  const std::string text = refused(spec, policy);
  EXPECT_TRUE(text.starts_with("refused by policy (10-node.json:4, profile baseline): ")) << text;
  EXPECT_TRUE(contains(text, "adds capability SYS_ADMIN [HF-C003: ")) << text;
  EXPECT_TRUE(contains(text, "binds /var/run/docker.sock [HF-C021: ")) << text;
  EXPECT_FALSE(contains(text, "\n"));
}

TEST(Resolve, ASourceIsJudgedByEachOfItsNames) {
  oci::Spec spec = docker_spec();
  spec.mounts.push_back({"/s", "bind", "/srv/volume", {"rbind"}, {}, {}});
  Request request = samples::request();
  request.sources["/srv/volume"] = {"/srv/volume", {8, 1, 42}};
  const auto allowed = resolve(request, spec, {}, samples::facts());
  ASSERT_TRUE(allowed) << allowed.error().message;
  ASSERT_TRUE(allowed->plan.mounts.back().source_file);
  EXPECT_EQ(allowed->plan.mounts.back().source_file->inode, 42u);

  request.sources["/srv/volume"].real_path = "/var/lib/docker";
  EXPECT_FALSE(resolve(request, spec, {}, samples::facts()));
  request.sources["/srv/volume"] = {"/srv/volume", {8, 1, 42}, {"/run/docker.sock"}};
  EXPECT_FALSE(resolve(request, spec, {}, samples::facts()));
  // A link out of a denied directory.
  spec.mounts.back().source = "/run/docker/link";
  request.sources["/run/docker/link"] = {"/srv/volume", {8, 1, 42}};
  EXPECT_FALSE(resolve(request, spec, {}, samples::facts()));
}

TEST(Resolve, ARefusalNeverReadsAsAnEnginesExitCode) {
  oci::Spec spec = docker_spec();
  spec.mounts.push_back(
      {"/s", "bind", "/var/lib/docker/Permission Denied\nno such file", {"rbind"}, {}, {}});
  const std::string text = refused(spec);
  EXPECT_FALSE(contains(text, "ermission denied") || contains(text, "ermission Denied")) << text;
  EXPECT_FALSE(contains(text, "no such file")) << text;
  EXPECT_FALSE(contains(text, "\n"));
}

TEST(Resolve, BaselineGrantsFourCapabilitiesOnRequestAndDeniesTheOthers) {
  const uint64_t defaults = samples::docker_capabilities();
  for (int number = 0; number <= CAP_LAST_CAP; ++number) {
    if (defaults & samples::capability(number)) continue;
    const bool granted = number == CAP_NET_ADMIN || number == CAP_SYS_PTRACE ||
                         number == CAP_IPC_LOCK || number == CAP_SYS_NICE;
    auto result = resolve(request(), with_capability(number), {}, facts());
    EXPECT_EQ(result.has_value(), granted) << number;
    if (!result) continue;
    EXPECT_TRUE(result->plan.process.capabilities.effective & samples::capability(number));
    const Decision* d = find_decision(result->plan, "HF-C003");
    ASSERT_NE(d, nullptr);
    EXPECT_EQ(d->outcome, Outcome::kWarned);
  }
}

TEST(Resolve, NetAdminNeedsANetworkOfItsOwn) {
  oci::Spec spec = with_capability(CAP_NET_ADMIN);
  std::erase_if(spec.linux_.namespaces,
                [](const auto& ns) { return ns.type == oci::NamespaceType::kNetwork; });
  EXPECT_TRUE(contains(refused(spec), "adds capability NET_ADMIN"));
  // Joined by path: what the path is counts, and an unknown one is the host's.
  spec.linux_.namespaces.push_back({oci::NamespaceType::kNetwork, "/run/netns/x"});
  EXPECT_TRUE(contains(refused(spec), "adds capability NET_ADMIN"));
  Request asked = request();
  asked.namespace_ids["/run/netns/x"] = "net:[4026531840]";
  EXPECT_FALSE(resolve(asked, spec, {}, facts()));
  asked.namespace_ids["/run/netns/x"] = "net:[4026532999]";
  EXPECT_TRUE(resolve(asked, spec, {}, facts()));
}

TEST(Resolve, AnExceptionGrantsACapabilityAndIsTold) {
  const Resolved r =
      resolved(with_capability(CAP_SYS_ADMIN), with_exception("capabilities:SYS_ADMIN"));
  EXPECT_TRUE(r.plan.process.capabilities.bounding & samples::capability(CAP_SYS_ADMIN));
  const Decision* d = find_decision(r.plan, "HF-C003");
  ASSERT_NE(d, nullptr);
  EXPECT_EQ(d->outcome, Outcome::kWarned);
  EXPECT_TRUE(contains(d->why, "TICKET-12"));
}

TEST(Resolve, UnknownCapabilitiesAndThoseTheHostLacksAreDroppedAndTold) {
  oci::Spec spec = docker_spec();
  spec.process->capabilities->bounding.push_back("CAP_TELEPORT");
  spec.process->capabilities->bounding.push_back("CAP_SYS_RESOURCE");
  HostFacts host = facts();
  host.bounding &= ~samples::capability(CAP_SYS_RESOURCE);
  auto r = resolve(request(), spec, {}, host);
  ASSERT_TRUE(r) << r.error().message;
  size_t told = 0;
  for (const Decision& d : r->plan.decisions)
    told += d.outcome == Outcome::kNotPossible && d.applied == "dropped";
  EXPECT_EQ(told, 2u);
}

TEST(Resolve, InheritableCapabilitiesAreExactlyTheAmbientOnes) {
  oci::Spec spec = docker_spec();
  spec.process->user.uid = 1000;
  spec.process->capabilities->ambient = {"CAP_NET_BIND_SERVICE"};
  const CapabilitySets sets = resolved(spec).plan.process.capabilities;
  EXPECT_EQ(sets.ambient, samples::capability(CAP_NET_BIND_SERVICE));
  EXPECT_EQ(sets.inheritable, sets.ambient);
}

TEST(Resolve, PrivilegedRunsAsAskedUnderBaselineAndIsTold) {
  const Resolved r = resolved(samples::privileged_spec());
  EXPECT_EQ(r.plan.process.capabilities.bounding, samples::kAllCapabilities);
  EXPECT_TRUE(r.plan.masked_paths.empty());
  EXPECT_TRUE(r.filters.empty());
  EXPECT_FALSE(r.plan.cgroup.resources.pids);
  const Decision* d = find_decision(r.plan, "HF-C001");
  ASSERT_NE(d, nullptr);
  EXPECT_EQ(d->outcome, Outcome::kWarned);
}

TEST(Resolve, PrivilegedIsRefusedByRestrictedAndByOneLineOfPolicy) {
  EXPECT_TRUE(
      contains(refused(samples::privileged_spec(), restricted()), "runs privileged [HF-C001"));
  Policy policy;
  deny(policy.profile, "privileged");
  EXPECT_TRUE(contains(refused(samples::privileged_spec(), policy), "runs privileged [HF-C001"));
  EXPECT_TRUE(resolve(request(), samples::privileged_spec(),
                      with_exception("privileged", restricted()), facts()));
}

TEST(Resolve, HostNamespacesRunUnderBaselineAndNotUnderRestricted) {
  oci::Spec spec = docker_spec();
  std::erase_if(spec.linux_.namespaces,
                [](const auto& ns) { return ns.type == oci::NamespaceType::kPid; });
  EXPECT_NE(find_decision(resolved(spec).plan, "HF-C002"), nullptr);
  EXPECT_TRUE(contains(refused(spec, restricted()), "shares the host's pid namespace [HF-C002"));
  resolved(spec, with_exception("hostNamespaces:pid", restricted()));
}

TEST(Resolve, RestrictedStillRunsAnImageThatRunsAsRoot) {
  const Resolved r = resolved(docker_spec(), restricted());
  EXPECT_EQ(r.plan.process.capabilities.bounding, samples::capability(CAP_NET_BIND_SERVICE));
  EXPECT_TRUE(r.plan.process.no_new_privileges);
  EXPECT_EQ(r.plan.cgroup.resources.pids->limit, 4096);
  EXPECT_NE(find_decision(r.plan, "HF-C018"), nullptr);
  Policy strict = restricted();
  deny(strict.profile, "rootUser");
  EXPECT_TRUE(contains(refused(docker_spec(), strict), "HF-C018"));
}

TEST(Resolve, MissingMasksAreAddedAndNoneIsTakenAway) {
  oci::Spec spec = docker_spec();
  spec.linux_.masked_paths = {"/secret"};
  spec.linux_.readonly_paths.clear();
  const Plan plan = resolved(spec).plan;
  EXPECT_EQ(plan.masked_paths.front(), "/secret");
  EXPECT_GT(plan.masked_paths.size(), 10u);
  EXPECT_EQ(plan.readonly_paths.size(), 5u);
  EXPECT_EQ(resolved(spec, with_exception("maskedPaths")).plan.masked_paths.size(), 1u);
}

TEST(Resolve, WithoutAnEnginesProfileTheAllowlistApplies) {
  oci::Spec spec = docker_spec();
  spec.linux_.seccomp.reset();
  const Resolved r = resolved(spec);
  ASSERT_EQ(r.filters.size(), 1u);
  EXPECT_EQ(r.filters[0].plan.name, "baseline allowlist");
  EXPECT_EQ(r.filters[0].seccomp.default_action, oci::SeccompAction::kErrno);
  // A profile that allows everything is none.
  spec.linux_.seccomp.emplace();
  spec.linux_.seccomp->default_action = oci::SeccompAction::kAllow;
  EXPECT_EQ(resolved(spec).filters[0].plan.name, "baseline allowlist");
}

TEST(Resolve, ModeWarnAppliesAsAskedAndSaysWhatItWouldDo) {
  oci::Spec spec = with_capability(CAP_SYS_ADMIN);
  spec.linux_.masked_paths.clear();
  Policy policy;
  policy.mode = Mode::kWarn;
  const Resolved r = resolved(spec, policy);
  EXPECT_TRUE(r.plan.process.capabilities.bounding & samples::capability(CAP_SYS_ADMIN));
  EXPECT_TRUE(r.plan.process.capabilities.bounding & samples::capability(CAP_NET_RAW));
  EXPECT_TRUE(r.plan.masked_paths.empty());
  EXPECT_FALSE(r.plan.cgroup.resources.pids);
  ASSERT_EQ(r.filters.size(), 2u);
  EXPECT_TRUE(r.filters[0].options.complain);
  EXPECT_FALSE(r.filters[1].options.complain);
  EXPECT_NE(find_decision(r.plan, "HF-C003"), nullptr);
  for (const Decision& d : r.plan.decisions) EXPECT_NE(d.outcome, Outcome::kTightened) << d.control;
}

TEST(Resolve, ModeOffIsAPlainRuntime) {
  oci::Spec spec = with_capability(CAP_SYS_ADMIN);
  spec.linux_.masked_paths.clear();
  Policy policy;
  policy.mode = Mode::kOff;
  const Resolved r = resolved(spec, policy);
  EXPECT_TRUE(r.plan.masked_paths.empty());
  EXPECT_EQ(r.filters.size(), 1u);
  EXPECT_TRUE(r.plan.decisions.empty());
  EXPECT_EQ(r.plan.process.args, spec.process->args);
}

TEST(Resolve, ARootlessContainerNeverWritesToItsUsersCgroupTree) {
  oci::Spec spec = docker_spec();
  for (oci::Mount& mount : spec.mounts)
    if (mount.type == "cgroup") mount.options = {"nosuid"};
  spec.linux_.namespaces.push_back({oci::NamespaceType::kUser, ""});
  Request asked = request();
  asked.rootless = true;
  for (const Mode mode : {Mode::kEnforce, Mode::kOff}) {
    Policy policy;
    policy.mode = mode;
    auto r = resolve(asked, spec, policy, facts());
    ASSERT_TRUE(r) << r.error().message;
    for (const MountPlan& mount : r->plan.mounts)
      if (mount.type == "cgroup") {
        EXPECT_TRUE(mount.attr_set & 1 /* MOUNT_ATTR_RDONLY */);
      }
    EXPECT_NE(find_decision(r->plan, "HF-C024"), nullptr);
  }
}

TEST(Resolve, WhatItDoesNotSupportIsAnErrorAndNotSilence) {
  oci::Spec spec = docker_spec();
  spec.linux_.intel_rdt.emplace();
  EXPECT_EQ(refused(spec), "linux.intelRdt: not supported yet");
  spec = docker_spec();
  spec.linux_.memory_policy.emplace();
  EXPECT_EQ(refused(spec), "linux.memoryPolicy: not supported yet");
  spec = docker_spec();
  spec.process->apparmor_profile = "docker-default";
  EXPECT_TRUE(contains(refused(spec), "this kernel has no AppArmor"));
}

TEST(Resolve, TheSpecificationsDevicesAreAddedAndTheUsersOwnWin) {
  oci::Spec spec = docker_spec();
  oci::Device mine;
  mine.path = "/dev/null";
  mine.type = "c";
  mine.major = 1;
  mine.minor = 3;
  mine.file_mode = 0600;
  spec.linux_.devices = {mine};
  const Plan plan = resolved(spec).plan;
  ASSERT_EQ(plan.devices.size(), 6u);
  EXPECT_EQ(plan.devices[0].file_mode, 0600u);
  spec.mounts.push_back({"/dev", "bind", "/dev", {"rbind"}, {}, {}});
  EXPECT_TRUE(resolved(spec).plan.devices.empty());
}

}  // namespace
}  // namespace holdfast
