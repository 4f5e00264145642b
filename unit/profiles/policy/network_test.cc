// Network control: from the profile into the plan, and what the plan tells of it.
#include <gtest/gtest.h>

#include "core/plan/describe_supervision.h"
#include "profiles/policy/policy_set.h"
#include "profiles/policy/profile_json.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

class NetworkControlTest : public testing::Test {
 protected:
  NetworkControlTest() {
    policy_.profile = *shipped_profile("baseline");
    control() = {.egress = {{{"10.0.0.0/8", {{Protocol::kTcp, {5432, 5432}}}}}},
                 .raw_sockets = false};
    request_ = samples::request();
    request_.network.bpf_obstacle.clear();
    spec_ = samples::docker_spec();
  }
  NetworkControl& control() { return policy_.profile.network; }
  Plan plan() const {
    auto examined = examine(request_, spec_, policy_, facts_);
    EXPECT_TRUE(examined) << examined.error().message;
    return examined ? std::move(examined->resolved.plan) : Plan{};
  }
  std::string refusal() const {
    auto examined = examine(request_, spec_, policy_, facts_);
    return examined && examined->refusal ? examined->refusal->message : "";
  }
  static Decision decision(const Plan& plan, std::string_view control) {
    for (const Decision& each : plan.decisions)
      if (each.control == control) return each;
    return {};
  }
  static bool has(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
  }

  Policy policy_;
  Request request_;
  oci::Spec spec_;
  HostFacts facts_ = samples::facts();
};

TEST_F(NetworkControlTest, WithoutASectionNothingIsHeld) {
  control() = {};
  policy_.profile.respond = {{Severity::kHigh, Response::kIsolate, {}}};
  EXPECT_FALSE(plan().supervision);
}

TEST_F(NetworkControlTest, TheRulesStandInThePlanOneForEachRange) {
  control().ingress = std::vector<IngressRule>{
        {"", {{Protocol::kTcp, {8080, 8080}}, {Protocol::kUdp, {53, 53}}}}};
  control().record = NetworkRecord::kAll;
  const Plan made = plan();
  ASSERT_TRUE(made.supervision && made.supervision->network);
  const NetworkPlan& network = *made.supervision->network;
  EXPECT_EQ(network.mechanism, Mechanism::kCgroupBpf);
  EXPECT_EQ(network.egress, (std::vector{NetworkRule{"10.0.0.0/8", Protocol::kTcp, {5432, 5432}}}));
  EXPECT_EQ(network.ingress->size(), 2u);
  EXPECT_TRUE(network.own_loopback);
  EXPECT_TRUE(network.record_allowed);
  EXPECT_EQ(network.on_violation, Response::kDeny);
  const auto read = decode_plan(encode_plan(made));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->supervision->network->egress, network.egress);
  EXPECT_EQ(
      decision(made, "network").applied,
      "to 10.0.0.0/8 5432/tcp; from any 8080/tcp, any 53/udp; its own loopback; no raw sockets; "
      "what is allowed is recorded");
}

TEST_F(NetworkControlTest, RawSocketsCostTheCapability) {
  policy_.grants = {{"capabilities:NET_RAW", "ping", "a test"}};
  constexpr uint64_t kNetRaw = uint64_t{1} << 13;
  const Plan made = plan();
  EXPECT_EQ(made.process.capabilities.bounding & kNetRaw, 0u);
  EXPECT_EQ(made.process.capabilities.effective & kNetRaw, 0u);
  EXPECT_EQ(decision(made, "network.rawSockets").outcome, Outcome::kTightened);
  control().raw_sockets = true;
  EXPECT_NE(plan().process.capabilities.bounding & kNetRaw, 0u);
}

TEST_F(NetworkControlTest, TheHostsLoopbackIsNotTheContainers) {
  std::erase_if(spec_.linux_.namespaces,
                [](const auto& each) { return each.type == oci::NamespaceType::kNetwork; });
  const Plan made = plan();
  ASSERT_TRUE(made.supervision && made.supervision->network);
  EXPECT_FALSE(made.supervision->network->own_loopback);
}

TEST_F(NetworkControlTest, WithoutAnyMechanismItIsToldOrRefused) {
  request_.network.bpf_obstacle = "there is no cgroup of version 2";
  const Plan made = plan();
  EXPECT_FALSE(made.supervision);
  EXPECT_EQ(decision(made, "network").outcome, Outcome::kNotPossible);
  EXPECT_TRUE(has(decision(made, "network").why, "there is no cgroup of version 2"));
  control().require = true;
  EXPECT_TRUE(has(refusal(), "network")) << refusal();
}

TEST_F(NetworkControlTest, RootlessCannot) {
  facts_.euid = 1000;
  EXPECT_FALSE(plan().supervision);
  control().require = true;
  EXPECT_TRUE(has(refusal(), "need root of the host")) << refusal();
}

TEST_F(NetworkControlTest, NftablesNeedANamespaceThatIsItsOwn) {
  request_.network = {"there is no cgroup of version 2", true};
  const Plan made = plan();
  ASSERT_TRUE(made.supervision && made.supervision->network);
  EXPECT_EQ(made.supervision->network->mechanism, Mechanism::kNftables);
  EXPECT_TRUE(has(decision(made, "network").why, "nftables"));
  for (auto& each : spec_.linux_.namespaces)
    if (each.type == oci::NamespaceType::kNetwork) each.path = "/proc/1/ns/net";
  EXPECT_FALSE(plan().supervision);
}

TEST_F(NetworkControlTest, WhereTheRulesCouldBeFlushedRequireRefuses) {
  request_.network = {"there is no cgroup of version 2", true};
  policy_.grants = {{"capabilities:NET_ADMIN", "vpn", "a test"}};
  spec_.process->capabilities->bounding.push_back("CAP_NET_ADMIN");
  EXPECT_TRUE(has(decision(plan(), "network").why, "could flush"));
  control().require = true;
  EXPECT_TRUE(has(refusal(), "could flush")) << refusal();
}

TEST_F(NetworkControlTest, WarnOnlyTells) {
  policy_.mode = Mode::kWarn;
  const Plan made = plan();
  ASSERT_TRUE(made.supervision && made.supervision->network);
  EXPECT_EQ(made.supervision->network->on_violation, Response::kAlert);
  policy_.mode = Mode::kAudit;
  EXPECT_FALSE(plan().supervision);
}

TEST_F(NetworkControlTest, AnExceptionOpensIt) {
  policy_.grants = {{"network", "migration", "a test"}};
  EXPECT_FALSE(plan().supervision);
  EXPECT_TRUE(is_known_grant("network"));
}

// --- the section ---

Result<PolicySet> with_section(const std::string& section) {
  return compile_policy(
      {},
      {{"/p/web.json", R"({"name": "web", "extends": "baseline", "network": )" + section + "}"}});
}
NetworkControl section(const std::string& text) {
  auto set = with_section(text);
  EXPECT_TRUE(set) << set.error().message;
  return set ? set->find_profile("web")->network : NetworkControl{};
}

TEST(NetworkSection, WhoeverWritesItClosesRawSockets) {
  EXPECT_FALSE(section(R"({"egress": []})").raw_sockets);
  EXPECT_TRUE(section(R"({"egress": [], "rawSockets": true})").raw_sockets);
  EXPECT_TRUE(shipped_profile("restricted")->network.raw_sockets);
}

TEST(NetworkSection, IsReadAsItIsWritten) {
  const NetworkControl control = section(
      R"({"egress": [{"to": "10.0.0.0/8", "ports": ["5432/tcp", 53]}, {"ports": ["any/udp"]}],
          "ingress": ["8080/tcp", {"from": "fd00::/8", "ports": ["1-9"]}],
          "record": "all", "onViolation": "alert", "require": true})");
  EXPECT_EQ(section(json::encode(control)), control);
  EXPECT_EQ(control.egress->at(0).ports.size(), 2u);
  EXPECT_EQ(flat_rules(*control.ingress)[0], (NetworkRule{"", Protocol::kTcp, {8080, 8080}}));
  NetworkControl open;
  open.record = NetworkRecord::kAll;
  EXPECT_EQ(section(json::encode(open)), open);
}

TEST(NetworkSection, MistakesAreNamed) {
  const auto mistake = [](const char* text) {
    const auto set = with_section(text);
    return set ? std::string() : set.error().message;
  };
  for (const char* each :
       {R"({"egress": [{"to": "10.0.0.1/8"}]})", R"({"egress": [{"to": "db.example"}]})",
        R"({"egress": [{"to": "10.0.0.0/8", "ports": []}]})", R"({"ingress": ["http"]})",
        R"({"ingress": [{"to": "10.0.0.0/8"}]})", R"({"egress": "10.0.0.0/8"})",
        R"({"record": "none"})", R"({"outgoing": []})"})
    EXPECT_NE(mistake(each), "") << each;
  EXPECT_NE(mistake(R"({"egress": [{"to": "10.0.0.1/8"}]})").find("without bits behind its length"),
            std::string::npos);
}

TEST(NetworkSection, RulesThatDoNotFitAreRefusedWhereTheyAreWritten) {
  std::string list;
  for (int i = 0; i < 102; ++i) list += fmt::format("{}\"{}\"", i ? ", " : "", 1000 + i);
  const auto set = with_section("{\"ingress\": [" + list + "]}");
  ASSERT_FALSE(set);
  EXPECT_NE(set.error().message.find("there is room for 101"), std::string::npos);
}

}  // namespace
}  // namespace holdfast
