#include <gtest/gtest.h>

#include "sandbox/kernel/cgroup/device_rules.h"
#include "sandbox/kernel/cgroup/unit_properties.h"

namespace holdfast::cgroup {
namespace {

oci::DeviceRule rule(bool allow, std::string type, std::optional<int64_t> major,
                     std::optional<int64_t> minor, std::string access) {
  return {allow, std::move(type), major, minor, std::move(access)};
}

// The few instructions that our programs are made of (Documentation/bpf/standardization).
int run(const std::vector<Instruction>& program, char type, uint32_t major, uint32_t minor,
        uint32_t access) {
  uint64_t registers[11] = {};
  const uint32_t context[] = {(access << 16) | (type == 'b' ? 1U : 2U), major, minor};
  for (size_t at = 0; at < program.size(); ++at) {
    const Instruction& each = program[at];
    uint64_t& left = registers[each.registers & 15];
    const uint64_t right = registers[each.registers >> 4];
    const auto constant = static_cast<uint64_t>(int64_t{each.immediate});
    switch (each.code) {
      case 0x61:
        left = context[each.offset / 4];
        break;
      case 0xbf:
        left = right;
        break;
      case 0xb7:
        left = constant;
        break;
      case 0x77:
        left >>= constant;
        break;
      case 0x57:
        left &= constant;
        break;
      case 0x55:
        if (left != constant) at += static_cast<size_t>(each.offset);
        break;
      case 0x5d:
        if (left != right) at += static_cast<size_t>(each.offset);
        break;
      case 0x15:
        if (left == constant) at += static_cast<size_t>(each.offset);
        break;
      case 0x95:
        return static_cast<int>(registers[0]);
      default:
        ADD_FAILURE() << "unknown instruction " << int{each.code};
        return -1;
    }
  }
  ADD_FAILURE() << "the program has no end";
  return -1;
}

std::vector<std::vector<oci::DeviceRule>> examples() {
  return {
      {},
      {rule(false, "a", {}, {}, "rwm")},
      {rule(true, "a", {}, {}, "rwm")},
      {rule(true, "", {}, {}, "")},
      {rule(true, "a", {}, {}, "r")},
      {rule(true, "a", {}, {}, "rwm"), rule(false, "c", 1, 11, "rw"), rule(false, "b", 8, {}, "w")},
      {rule(false, "a", {}, {}, "rwm"), rule(true, "c", 10, 200, "rwm"),
       rule(true, "b", 8, {}, "r"), rule(true, "c", 4, {}, "rw"), rule(false, "c", 4, {}, "w")},
  };
}

TEST(CgroupDevices, TheProgramDecidesAsTheSetDoes) {
  for (const auto& rules : examples()) {
    const auto set = device_set(rules);
    ASSERT_TRUE(set) << set.error().message;
    const auto program = device_program(*set);
    for (const char type : {'b', 'c'})
      for (const uint32_t major : {0U, 1U, 4U, 5U, 8U, 10U, 136U})
        for (const uint32_t minor : {0U, 1U, 2U, 3U, 11U, 16U, 200U})
          for (uint8_t access = 1; access <= kAllAccess; ++access)
            EXPECT_EQ(run(program, type, major, minor, access),
                      permits(*set, type, major, minor, access) ? 1 : 0)
                << type << ' ' << major << ':' << minor << " access " << int{access};
  }
}

TEST(CgroupDevices, WithoutRulesOnlyTheDefaultDevicesCanBeUsed) {
  const auto set = device_set({});
  ASSERT_TRUE(set);
  EXPECT_TRUE(permits(*set, 'c', 1, 3, kAllAccess));
  EXPECT_TRUE(permits(*set, 'c', 136, 17, kRead | kWrite));
  EXPECT_TRUE(permits(*set, 'b', 8, 0, kMknod));
  EXPECT_FALSE(permits(*set, 'b', 8, 0, kRead));
  EXPECT_FALSE(permits(*set, 'c', 1, 1, kRead));   // /dev/mem
  EXPECT_FALSE(permits(*set, 'c', 5, 1, kWrite));  // /dev/console of the host
  EXPECT_FALSE(permits(*set, 'c', 10, 200, kRead));
}

TEST(CgroupDevices, TheSameSetComesBackFromTheKernelsList) {
  for (const auto& rules : examples()) {
    const auto set = device_set(rules);
    ASSERT_TRUE(set);
    if (set->allow) continue;  // the kernel lists what is allowed
    std::string list;
    for (const auto& each : set->exceptions) list += to_line(each) + "\n";
    const auto again = parse_list(list);
    ASSERT_TRUE(again);
    ASSERT_EQ(again->exceptions.size(), set->exceptions.size());
    for (size_t i = 0; i < set->exceptions.size(); ++i)
      EXPECT_EQ(to_line(again->exceptions[i]), to_line(set->exceptions[i]));
  }
}

TEST(CgroupDevices, AHoleInAWildcardIsAnErrorAndNotIgnored) {
  const auto set = device_set({rule(true, "c", 10, {}, "rw"), rule(false, "c", 10, 200, "w")});
  ASSERT_FALSE(set);
  EXPECT_NE(set.error().message.find("linux.resources.devices[1]"), std::string::npos);
}

TEST(CgroupDevices, ALimitedRuleForAllDevicesAllowsNoMoreThanItSays) {
  const auto set = device_set({rule(true, "a", {}, {}, "r")});
  ASSERT_TRUE(set);
  EXPECT_TRUE(permits(*set, 'b', 8, 0, kRead));
  EXPECT_FALSE(permits(*set, 'b', 8, 0, kWrite));
}

TEST(CgroupDevices, UnknownTypesAndAccessAreErrors) {
  EXPECT_FALSE(device_set({rule(true, "u", 1, 1, "r")}));
  EXPECT_FALSE(device_set({rule(true, "c", 1, 1, "rx")}));
  EXPECT_FALSE(device_set({rule(true, "c", -7, 1, "r")}));
}

TEST(CgroupDevices, SystemdLearnsThemByPathGroupAndWildcard) {
  const auto set = device_set(
      {rule(true, "c", 10, 200, "rwm"), rule(true, "b", 8, {}, "r"), rule(true, "c", 99, {}, "r")});
  const auto properties =
      device_properties(*set, "Character devices:\n136 pts\n  8 wrong\n\nBlock devices:\n  8 sd\n");
  ASSERT_EQ(properties.size(), 3u);
  EXPECT_EQ(properties[0].values, std::vector<std::string>{"strict"});
  EXPECT_TRUE(properties[1].values.empty());
  const std::string all = join(properties[2].values, " ");
  EXPECT_NE(all.find("/dev/char/10:200 rwm"), std::string::npos) << all;
  EXPECT_NE(all.find("block-sd r"), std::string::npos) << all;
  EXPECT_NE(all.find("char-pts rwm"), std::string::npos) << all;
  EXPECT_NE(all.find("char-* m"), std::string::npos) << all;
  EXPECT_EQ(all.find("99"), std::string::npos) << all;
}

TEST(CgroupUnits, CpuListsAreBitMasks) {
  EXPECT_EQ(cpu_mask("0-2,7").value(), std::vector<std::string>{"135"});
  EXPECT_EQ(cpu_mask("9").value(), (std::vector<std::string>{"0", "2"}));
  for (const char* wrong : {"", "x", "3-", "1-x"}) EXPECT_FALSE(cpu_mask(wrong)) << wrong;
}

TEST(CgroupUnits, AQuotaIsRoundedUpToWholePerCents) {
  oci::Resources asked;
  asked.cpu.emplace();
  asked.cpu->quota = 33333;
  asked.cpu->period = 100000;
  const auto all = resource_properties(asked, true);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].name, "CPUQuotaPeriodUSec");
  EXPECT_EQ((*all)[1].values, std::vector<std::string>{"340000"});
}

}  // namespace
}  // namespace holdfast::cgroup
