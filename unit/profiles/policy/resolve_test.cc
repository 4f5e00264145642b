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

}  // namespace
}  // namespace holdfast
