#include "core/plan/plan.h"

#include <gtest/gtest.h>

#include "core/plan/capability_names.h"

namespace holdfast {
namespace {

TEST(Plan, DefaultsRoundTrip) {
  Plan plan;
  plan.process.cwd = "/";
  const std::string text = encode_plan(plan);
  const auto back = decode_plan(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(encode_plan(*back), text);
}

TEST(Plan, CapabilitySetsAreWrittenAsNames) {
  ProcessPlan process;
  process.cwd = "/";
  process.args = {"sh"};
  process.capabilities.bounding = 1 << 5 | 1;
  const std::string text = encode_process_plan(process);
  EXPECT_EQ(
      text,
      R"({"args":["sh"],"cwd":"/","user":{"uid":0,"gid":0},"capabilities":{"bounding":["CAP_CHOWN","CAP_KILL"]}})");
  const auto back = decode_process_plan(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->capabilities.bounding, process.capabilities.bounding);
}

TEST(Plan, UnknownCapabilitiesAndVersionsAreRefused) {
  const auto process =
      decode_process_plan(R"({"args":["a"],"cwd":"/","capabilities":{"ambient":["CAP_NONE"]}})");
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().message, "capabilities.ambient[0]: unknown capability \"CAP_NONE\"");
  Plan plan;
  plan.version = 2;
  const auto back = decode_plan(encode_plan(plan));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().message, "version: written by a release that this one does not know");
}

TEST(CapabilityNames, NumberAndNameAgree) {
  for (int number = 0; number <= 40; ++number)
    EXPECT_EQ(capability_number(capability_name(number)), number);
  EXPECT_EQ(capability_number("kill"), 5);
  EXPECT_EQ(capability_number("Cap_Sys_Admin"), 21);
  EXPECT_EQ(capability_number("CAP_"), std::nullopt);
  EXPECT_EQ(capability_number(""), std::nullopt);
  EXPECT_EQ(capability_number("CAP_CAP_KILL"), std::nullopt);
  EXPECT_EQ(capability_name(41), "");
  EXPECT_EQ(capability_list(~uint64_t{0}).size(), 41u);
}

}  // namespace
}  // namespace holdfast
