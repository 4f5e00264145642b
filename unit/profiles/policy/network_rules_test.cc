#include "profiles/policy/network_rules.h"

#include <gtest/gtest.h>

#include <random>

namespace holdfast {
namespace {

Ports ports(const char* text) {
  Ports parsed;
  EXPECT_EQ(parse_scalar(text, parsed), "") << text;
  return parsed;
}

TEST(NetworkRules, PortsAreWrittenAsTheyAreRead) {
  for (const char* each : {"5432/tcp", "53", "8000-8100/udp", "any/udp", "any", "1-65535/tcp"})
    EXPECT_EQ(scalar_text(ports(each)), each);
}

TEST(NetworkRules, WhatIsNoPortIsRefused) {
  Ports out;
  for (const char* each : {"", "0", "65536", "80/sctp", "90-80", "80-", "-80", "http", "80/",
                           "/tcp", "80 /tcp", "0-10/tcp", "+80"})
    EXPECT_NE(parse_scalar(each, out), "") << each;
}

TEST(NetworkRules, AnIngressRuleOfAnyoneIsOneString) {
  IngressRule rule;
  EXPECT_EQ(parse_short("8080/tcp", rule), "");
  EXPECT_EQ(flat_rules(std::vector{rule}),
            (std::vector{NetworkRule{"", Protocol::kTcp, {8080, 8080}}}));
  EXPECT_EQ(short_text(rule), "8080/tcp");
  rule.from = "10.0.0.0/8";
  EXPECT_EQ(short_text(rule), "");
  EXPECT_NE(parse_short("10.0.0.0/8", rule), "");
}

TEST(NetworkRules, ARuleIsOneForEachOfItsPorts) {
  const EgressRule rule{"10.0.0.0/8", {ports("80/tcp"), ports("53")}};
  const auto flat = flat_rules(std::vector{rule});
  ASSERT_EQ(flat.size(), 2U);
  EXPECT_EQ(flat[1], (NetworkRule{"10.0.0.0/8", Protocol::kAny, {53, 53}}));
  EXPECT_EQ(rules_text(flat), "10.0.0.0/8 80/tcp, 10.0.0.0/8 53");
  EXPECT_EQ(rules_text({}), "nothing");
}

TEST(NetworkRules, OneCoversWhatItAllowsEntirely) {
  const NetworkRule wide{"10.0.0.0/8", Protocol::kAny, {1, 1000}};
  EXPECT_TRUE(covers(wide, {"10.1.0.0/16", Protocol::kTcp, {80, 90}}));
  EXPECT_TRUE(covers(NetworkRule{}, wide));
  EXPECT_FALSE(covers(wide, NetworkRule{}));
  EXPECT_FALSE(covers(wide, {"10.1.0.0/16", Protocol::kTcp, {80, 1001}}));
  EXPECT_FALSE(covers({"10.0.0.0/8", Protocol::kTcp, {}}, {"10.0.0.1", Protocol::kUdp, {}}));
  EXPECT_FALSE(covers({"::/0", Protocol::kAny, {}}, {"10.0.0.1", Protocol::kAny, {}}));
}

// Rules that lie apart, within each other and across.
class Generator {
 public:
  std::vector<EgressRule> rules() {
    std::vector<EgressRule> all;
    for (size_t count = random_() % 4; count > 0; --count) {
      EgressRule rule{pick({"", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "fd00::/8", "::/0"}), {}};
      for (size_t ranges = random_() % 3; ranges > 0; --ranges)
        rule.ports.push_back(ports(pick({"80/tcp", "1-100/tcp", "50-200", "any/udp", "53/udp"})));
      all.push_back(std::move(rule));
    }
    return all;
  }
  NetworkRule point() {
    return {pick({"10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "fd00::1", "2001:db8::1"}),
            random_() % 2 ? Protocol::kTcp : Protocol::kUdp,
            {port_ = static_cast<uint16_t>(1 + random_() % 250), port_}};
  }

 private:
  const char* pick(std::initializer_list<const char*> from) {
    return from.begin()[random_() % from.size()];
  }
  std::mt19937 random_{42};
  uint16_t port_ = 0;
};

bool allows(const std::vector<EgressRule>& rules, const NetworkRule& point) {
  return first_beyond({point}, flat_rules(rules)) == nullptr;
}

TEST(NetworkRules, TheMeetAllowsExactlyWhatBothAllow) {
  Generator make;
  for (int i = 0; i < 2000; ++i) {
    const auto a = make.rules(), b = make.rules();
    const auto both = meet_rules(a, b);
    EXPECT_EQ(first_beyond(flat_rules(both), flat_rules(a)), nullptr);
    EXPECT_EQ(first_beyond(flat_rules(both), flat_rules(b)), nullptr);
    for (int j = 0; j < 10; ++j) {
      const NetworkRule point = make.point();
      EXPECT_EQ(allows(both, point), allows(a, point) && allows(b, point));
    }
    const auto again = meet_rules(both, b);
    EXPECT_EQ(first_beyond(flat_rules(both), flat_rules(again)), nullptr) << "not idempotent";
  }
}

}  // namespace
}  // namespace holdfast
