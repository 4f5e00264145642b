#include "sandbox/kernel/bpf/network_scope.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "core/plan/isolation.h"
#include "sandbox/kernel/bpf/network_events.h"
#include "sandbox/kernel/nftables.h"

namespace holdfast {
namespace {

const std::vector<NetworkRule> kNothing;

std::string programs(const NetworkPlan& network, Response respond = Response::kAlert) {
  SupervisionPlan plan;
  plan.network = network;
  plan.respond.push_back({.action = respond});
  std::string names;
  for (const NetworkHook* hook : network_hooks(plan)) names += std::string(hook->program) + " ";
  return names;
}

TEST(NetworkScope, OnlyTheProgramsThatAreNeededAreAttached) {
  EXPECT_EQ(programs({.raw_sockets = true}), "");
  EXPECT_EQ(programs({}), "hf_sock_create ");
  EXPECT_EQ(programs({.egress = kNothing, .raw_sockets = true}),
            "hf_connect4 hf_connect6 hf_sendmsg4 hf_sendmsg6 hf_egress ");
  EXPECT_EQ(programs({.ingress = kNothing, .raw_sockets = true}), "hf_bind4 hf_bind6 hf_ingress ");
  EXPECT_EQ(programs({.raw_sockets = true}, Response::kIsolate),
            "hf_connect4 hf_connect6 hf_sendmsg4 hf_sendmsg6 hf_egress hf_ingress ");
  EXPECT_EQ(programs({.mechanism = Mechanism::kNftables, .egress = kNothing}), "");
  EXPECT_TRUE(network_hooks({}).empty());
}

TEST(NetworkScope, ARuleIsItsMaskedAddress) {
  const auto scope = network_scope({.egress = {{{"10.0.0.0/8", Protocol::kTcp, {80, 90}}}}}, 7, 3);
  ASSERT_TRUE(scope);
  EXPECT_EQ(scope->abi, uint32_t{HF_NET_ABI});
  EXPECT_EQ(scope->slot, 3U);
  EXPECT_EQ(scope->cgroup, 7U);
  EXPECT_EQ(scope->flags, uint32_t{HF_NET_LIMITS_EGRESS | HF_NET_NO_RAW});
  ASSERT_EQ(scope->count, 1U);
  const hf_net_rule& rule = scope->rules[0];
  const auto* address = reinterpret_cast<const uint8_t*>(rule.address);
  const auto* mask = reinterpret_cast<const uint8_t*>(rule.mask);
  EXPECT_EQ(address[11], 0xff);
  EXPECT_EQ(address[12], 10);
  EXPECT_EQ(mask[12], 0xff);
  EXPECT_EQ(mask[13], 0);
  EXPECT_EQ(rule.family, 4);
  EXPECT_EQ(rule.protocol, IPPROTO_TCP);
  EXPECT_EQ(rule.first, 80);
  EXPECT_EQ(rule.last, 90);
  EXPECT_EQ(rule.use, HF_NET_EGRESS);
}

TEST(NetworkScope, RulesThatDoNotFitAreAnError) {
  NetworkPlan plan;
  plan.egress.emplace(HF_NET_RULES, NetworkRule{});
  EXPECT_TRUE(network_scope(plan, 1, 0));
  plan.ingress.emplace(1, NetworkRule{});
  const auto refused = network_scope(plan, 1, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "network: more than 101 rules (one for each network and range of ports)");
  plan = {.egress = {{{"10.0.0.1/8", Protocol::kAny, {}}}}};
  EXPECT_FALSE(network_scope(plan, 1, 0));
}

TEST(Isolation, AnyAnswerThatCutsNeedsThePrograms) {
  SupervisionPlan plan;
  EXPECT_FALSE(isolates(plan));
  plan.respond.push_back({.action = Response::kFreeze});
  EXPECT_FALSE(isolates(plan));
  SupervisionPlan drift = plan;
  drift.exec.emplace().drift = Response::kIsolate;
  EXPECT_TRUE(isolates(drift));
  plan.respond.push_back({.action = Response::kIsolate});
  EXPECT_TRUE(isolates(plan));
}

hf_net_event seen(uint8_t what, uint8_t verdict) {
  hf_net_event event{};
  event.time = 5;
  event.what = what;
  event.verdict = verdict;
  event.protocol = IPPROTO_TCP;
  event.port = 80;
  event.before = 2;
  auto* bytes = reinterpret_cast<uint8_t*>(event.address);
  bytes[10] = bytes[11] = 0xff;
  bytes[12] = 192;
  bytes[15] = 1;
  return event;
}

TEST(NetworkEvent, TellsWhatWhereAndHowToAllowIt) {
  const Event event = network_event(seen(HF_NET_CONNECT, HF_NET_REFUSED), 100);
  EXPECT_EQ(event.time, 105U);
  EXPECT_EQ(event.count, 3U);
  EXPECT_EQ(event.rule, "network-egress");
  EXPECT_EQ(event.message, "connection to 192.0.0.1:80/tcp: refused");
  EXPECT_EQ(
      event.fix,
      "add {\"to\": \"192.0.0.1\", \"ports\": [\"80/tcp\"]} to network.egress of the profile");
  EXPECT_TRUE(event.processes.empty());
  EXPECT_TRUE(event.connection->outbound);
}

TEST(NetworkEvent, WhatIsAllowedIsNoMatter) {
  const Event event = network_event(seen(HF_NET_SEND, HF_NET_ALLOWED), 0);
  EXPECT_EQ(event.severity, Severity::kInformational);
  EXPECT_EQ(event.disposition, Disposition::kAllowed);
  EXPECT_TRUE(event.attack.empty());
}

TEST(NetworkEvent, WhoComesIsNoOutboundConnection) {
  const Event event = network_event(seen(HF_NET_ARRIVED, HF_NET_REFUSED), 0);
  EXPECT_FALSE(event.connection->outbound);
  EXPECT_EQ(event.fix, "add \"80/tcp\" to network.ingress of the profile");
}

TEST(Nftables, TheRulesDropWhatIsNotNamed) {
  const NetworkPlan plan{.egress = {{{"10.0.0.0/8", Protocol::kTcp, {443, 443}},
                                     {"fd00::/8", Protocol::kAny, {53, 53}},
                                     {"", Protocol::kUdp, {}}}},
                         .own_loopback = true};
  EXPECT_EQ(nftables_rules(plan),
            "table inet holdfast {\n"
            "  chain egress {\n"
            "    type filter hook output priority 0; policy drop;\n"
            "    ct state established,related accept\n"
            "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, "
            "nd-router-advert } accept\n"
            "    ip daddr 127.0.0.0/8 accept\n"
            "    ip6 daddr ::1 accept\n"
            "    ip daddr 10.0.0.0/8 meta l4proto tcp th dport 443-443 accept\n"
            "    ip6 daddr fd00::/8 meta l4proto { tcp, udp } th dport 53-53 accept\n"
            "    meta l4proto udp accept\n"
            "  }\n"
            "}\n");
}

}  // namespace
}  // namespace holdfast
