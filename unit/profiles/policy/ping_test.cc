#include <gtest/gtest.h>
#include <linux/capability.h>

#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

constexpr const char* kGroups = "net.ipv4.ping_group_range";

Request with_ping(uint64_t demands) {
  Request request = samples::request();
  request.ping = Request::Ping{"/usr/bin/ping", demands};
  return request;
}

const uint64_t kDemandsNetRaw = samples::capability(CAP_NET_RAW);

Plan resolved(const Request& request, const oci::Spec& spec, const Policy& policy = {}) {
  auto result = resolve(request, spec, policy, samples::facts());
  EXPECT_TRUE(result) << result.error().message;
  return result ? std::move(result->plan) : Plan{};
}

const Decision* decision(const Plan& plan, std::string_view control) {
  for (const Decision& each : plan.decisions)
    if (each.control == control && each.outcome == Outcome::kTightened) return &each;
  return nullptr;
}

TEST(Ping, AFileThatDemandsNetRawLosesItsCapabilitiesAndIsTold) {
  const Plan plan = resolved(with_ping(kDemandsNetRaw), samples::docker_spec());
  EXPECT_EQ(plan.nosuid_paths, std::vector<std::string>{"/usr/bin/ping"});
  EXPECT_EQ(plan.sysctl.at(kGroups), "0 2147483647");
  const Decision* told = decision(plan, "fileCapabilities");
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->asked, "/usr/bin/ping: +NET_RAW");
  EXPECT_NE(decision(plan, "sysctl"), nullptr);
}

TEST(Ping, AFileThatDemandsNothingIsLeftAlone) {
  const Plan plan = resolved(with_ping(0), samples::docker_spec());
  EXPECT_TRUE(plan.nosuid_paths.empty());
  EXPECT_EQ(plan.sysctl.at(kGroups), "0 2147483647");
  // What it demands is there.
  EXPECT_TRUE(resolved(with_ping(samples::capability(CAP_CHOWN)), samples::docker_spec())
                  .nosuid_paths.empty());
}

TEST(Ping, WithoutAPingNothingIsOpened) {
  const Plan plan = resolved(samples::request(), samples::docker_spec());
  EXPECT_TRUE(plan.sysctl.empty());
  EXPECT_TRUE(plan.nosuid_paths.empty());
}

TEST(Ping, WhereNetRawIsGrantedOrWasNeverAskedForNothingChanges) {
  Policy excepted;
  excepted.grants.push_back({"capabilities:NET_RAW", "ping", "a test"});
  Policy warn;
  warn.mode = Mode::kWarn;
  Policy off;
  off.mode = Mode::kOff;
  for (const Policy& policy : {excepted, warn, off}) {
    const Plan plan = resolved(with_ping(kDemandsNetRaw), samples::docker_spec(), policy);
    EXPECT_TRUE(plan.nosuid_paths.empty());
    EXPECT_TRUE(plan.sysctl.empty());
  }
  oci::Spec dropped = samples::docker_spec();
  dropped.process->capabilities =
      samples::capabilities(samples::docker_capabilities() & ~kDemandsNetRaw);
  const Plan plan = resolved(with_ping(kDemandsNetRaw), dropped);
  EXPECT_TRUE(plan.nosuid_paths.empty());
  EXPECT_TRUE(plan.sysctl.empty());
}

TEST(Ping, TheEnginesGroupsStay) {
  for (const char* name : {"net.ipv4.ping_group_range", "net/ipv4/ping_group_range"}) {
    oci::Spec spec = samples::docker_spec();
    spec.linux_.sysctl[name] = "0 0";
    const Plan plan = resolved(with_ping(kDemandsNetRaw), spec);
    EXPECT_EQ(plan.sysctl.size(), 1u);
    EXPECT_EQ(plan.sysctl.at(name), "0 0");
  }
}

TEST(Ping, TheHostsNetworkIsNotChanged) {
  oci::Spec spec = samples::docker_spec();
  std::erase_if(spec.linux_.namespaces,
                [](const auto& each) { return each.type == oci::NamespaceType::kNetwork; });
  const Plan plan = resolved(with_ping(kDemandsNetRaw), spec);
  EXPECT_TRUE(plan.sysctl.empty());
  EXPECT_EQ(plan.nosuid_paths.size(), 1u);
}

TEST(Ping, AProfileThatAllowsNoSuchParameterGetsNone) {
  Policy policy;
  policy.profile.sysctl = {"net.ipv4.tcp_fin_timeout"};
  EXPECT_TRUE(resolved(with_ping(kDemandsNetRaw), samples::docker_spec(), policy).sysctl.empty());
}

TEST(Ping, InAUserNamespaceOnlyItsOwnGroupsAreNamed) {
  oci::Spec spec = samples::docker_spec();
  spec.linux_.namespaces.push_back({oci::NamespaceType::kUser, ""});
  spec.linux_.uid_mappings = spec.linux_.gid_mappings = {{0, 100000, 65536}};
  EXPECT_EQ(resolved(with_ping(kDemandsNetRaw), spec).sysctl.at(kGroups), "0 65535");
  // One that was made outside would refuse its root.
  for (auto& each : spec.linux_.namespaces)
    if (each.type == oci::NamespaceType::kNetwork) each.path = "/run/netns/a";
  Request request = with_ping(kDemandsNetRaw);
  request.namespace_ids["/run/netns/a"] = "net:[4026532222]";
  EXPECT_TRUE(resolved(request, spec).sysctl.empty());
}

}  // namespace
}  // namespace holdfast
