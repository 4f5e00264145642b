// The policy's section "audit".
#include <gtest/gtest.h>

#include "profiles/policy/lint.h"
#include "profiles/policy/policy_json.h"

namespace holdfast {
namespace {

Result<PolicySet> policy(std::string_view audit) {
  return compile_policy(
      {{"/p/1.json", fmt::format(R"({{"apiVersion":"holdfast/v1","audit":{}}})", audit)}}, {});
}

std::string mistake(std::string_view audit) {
  const auto set = policy(audit);
  return set ? "" : set.error().message;
}

TEST(AuditPolicy, WithoutASectionThereAreNoSettings) {
  const auto set = compile_policy({{"/p/1.json", R"({"apiVersion":"holdfast/v1"})"}}, {});
  ASSERT_TRUE(set);
  EXPECT_FALSE(set->audit);
  EXPECT_EQ(AuditSettings{}.directory, "/var/log/holdfast");
  EXPECT_EQ(AuditSettings{}.record, AuditRecord::kRefusals);
}

TEST(AuditPolicy, WhatIsNotGivenHasItsDefault) {
  const auto set = policy(R"({"record":"lifecycle","rotate":{"keep":3}})");
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->audit->record, AuditRecord::kLifecycle);
  EXPECT_EQ(set->audit->rotate.keep, 3U);
  EXPECT_EQ(set->audit->rotate.size, 64U << 20);
  EXPECT_EQ(set->audit->level, Severity::kInformational);
}

TEST(AuditPolicy, ItReachesThePolicyOfEveryContainer) {
  const auto set = policy(R"({"require":true})");
  ASSERT_TRUE(set);
  const ContainerIdentity identity;
  const Policy chosen = choose(*set, {identity, {}, {2026, 1, 1}});
  ASSERT_TRUE(chosen.audit);
  EXPECT_TRUE(chosen.audit->require);
}

TEST(AuditPolicy, MistakesAreErrors) {
  EXPECT_NE(mistake(R"({"recrod":"lifecycle"})").find("audit.recrod: unknown field"),
            std::string::npos);
  EXPECT_NE(mistake(R"({"record":"all"})").find("audit.record: unknown value"), std::string::npos);
  EXPECT_NE(mistake(R"({"directory":"log"})").find("audit.directory: expected an absolute path"),
            std::string::npos);
  EXPECT_NE(mistake(R"({"rotate":{"size":1}})").find("audit.rotate.size"), std::string::npos);
  EXPECT_NE(mistake(R"({"rotate":{"keep":0}})").find("audit.rotate.keep"), std::string::npos);
  EXPECT_NE(mistake(R"({"throttle":{"burst":0}})").find("audit.throttle.burst"), std::string::npos);
  EXPECT_NE(mistake(R"({"throttle":{"window":0}})").find("audit.throttle.window"),
            std::string::npos);
  EXPECT_NE(mistake(R"({"sinks":{"falco":"x"}})").find("audit.sinks.falco"), std::string::npos);
  EXPECT_NE(mistake(R"({"sinks":{"prometheus":"/a/b"}})").find("audit.sinks.prometheus"),
            std::string::npos);
}

TEST(AuditPolicy, OneFileOnlyHasIt) {
  const std::string text = R"({"apiVersion":"holdfast/v1","audit":{}})";
  const auto set = compile_policy({{"/p/1.json", text}, {"/p/2.json", text}}, {});
  ASSERT_FALSE(set);
  EXPECT_NE(set.error().message.find("/p/2.json:1:29: audit: stands in /p/1.json already"),
            std::string::npos)
      << set.error().message;
}

TEST(AuditPolicy, ALevelThatHidesRefusalsIsWarnedOf) {
  EXPECT_TRUE(lint_policy(*policy(R"({"level":"medium"})"), {2026, 1, 1}).empty());
  const auto warnings = lint_policy(*policy(R"({"level":"high"})"), {2026, 1, 1});
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].what.find("refusals"), std::string::npos);
}

TEST(AuditPolicy, SettingsSurviveTheirEncoding) {
  AuditSettings settings;
  settings.record = AuditRecord::kLifecycle;
  settings.sync = AuditSync::kAlways;
  settings.level = Severity::kHigh;
  settings.rotate.size = 5000;
  settings.throttle.burst = 7;
  settings.sinks = {true, true, "/f", "/p.prom"};
  const std::string text = json::encode(settings);
  const auto back = json::decode<AuditSettings>(text, {.strict = true});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(json::encode(*back), text);
}

}  // namespace
}  // namespace holdfast
