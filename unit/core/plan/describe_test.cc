// Laws of the descriptions: every member of every struct is described, and a document with all of them
// survives decoding and encoding.
#include "core/plan/describe.h"

#include <gtest/gtest.h>

#include "core/base/fd.h"

namespace holdfast {

// Converts to anything: to count the members of an aggregate. Never called, so never defined.
struct AnyMember {
  template <class T>
  operator T() const;
};

namespace {

template <class T, class... Members>
constexpr size_t member_count() {
  if constexpr (requires { T{Members{}..., AnyMember{}}; })
    return member_count<T, Members..., AnyMember>();
  else
    return sizeof...(Members);
}

struct Counter {
  static constexpr bool kDecodes = false;
  size_t count = 0;
  template <class T>
  bool field(std::string_view, T&) {
    ++count;
    return true;
  }
  template <class T>
  void always(std::string_view, T&) {
    ++count;
  }
  template <class T>
  void required(std::string_view, T&) {
    ++count;
  }
  void closed() {}
  bool intact(std::string_view) { return true; }
  template <class... Args>
  void check(Args&&...) {}
};

template <class T>
class Description : public testing::Test {};

using All =
    testing::Types<oci::ConsoleSize, oci::User, oci::Capabilities, oci::Rlimit, oci::Scheduler,
                   oci::IoPriority, oci::ExecCpuAffinity, oci::Process, oci::Root, oci::IdMapping,
                   oci::Mount, oci::Hook, oci::Hooks, oci::Namespace, oci::TimeOffset,
                   oci::TimeOffsets, oci::Device, oci::NetDevice, oci::DeviceRule,
                   oci::MemoryResources, oci::CpuResources, oci::PidsResources, oci::WeightDevice,
                   oci::ThrottleDevice, oci::BlockIoResources, oci::HugepageLimit,
                   oci::InterfacePriority, oci::NetworkResources, oci::RdmaLimit, oci::Resources,
                   oci::SeccompArg, oci::SeccompRule, oci::Seccomp, oci::Personality, oci::IntelRdt,
                   oci::MemoryPolicy, oci::Linux, oci::Spec, oci::State>;
using AllOfPlan = testing::Types<Decision, CapabilitySets, FilterPlan, MountIdMap, MountPlan,
                                 CgroupPlan, LandlockGrant, LandlockPlan, ProcessPlan, Plan>;
TYPED_TEST_SUITE(Description, All);

TYPED_TEST(Description, NamesEveryMember) {
  TypeParam value{};
  Counter counter;
  describe(counter, value);
  EXPECT_EQ(counter.count, member_count<TypeParam>());
}

template <class T>
class PlanDescription : public Description<T> {};
TYPED_TEST_SUITE(PlanDescription, AllOfPlan);

TYPED_TEST(PlanDescription, NamesEveryMember) {
  TypeParam value{};
  Counter counter;
  describe(counter, value);
  EXPECT_EQ(counter.count, member_count<TypeParam>());
}

std::string seed(const char* name) {
  const auto text = read_file(std::string(HOLDFAST_UNIT_DATA "/../../fuzz/corpus/") + name);
  EXPECT_TRUE(text) << text.error().message;
  return text.value_or("");
}

// Decoding strictly shows that the document holds no field that we do not know; that encoding returns the
// same text shows that none is lost.
template <class T>
void expect_survives(const char* name) {
  const std::string text = seed(name);
  const auto value = json::decode<T>(text, {.strict = true});
  ASSERT_TRUE(value) << value.error().message;
  const std::string canonical = json::encode(*value);
  const auto again = json::decode<T>(canonical, {.strict = true});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(json::encode(*again), canonical);
}

TEST(Documents, FullOnesSurviveDecodingAndEncoding) {
  expect_survives<oci::Spec>("spec/full.json");
  expect_survives<oci::Process>("process/full.json");
  expect_survives<oci::Resources>("resources/full.json");
  expect_survives<Plan>("plan/full.json");
}

// In the canonical form already: nothing of it may be lost, moved or added.
TEST(Documents, TheFullPlanIsWrittenAsItIsRead) {
  const std::string text = seed("plan/full.json");
  const auto plan = decode_plan(text);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(encode_plan(*plan) + "\n", text);
}

}  // namespace
}  // namespace holdfast
