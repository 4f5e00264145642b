#include <gtest/gtest.h>

#include "profiles/policy/resolve.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

using samples::docker_spec;
using samples::facts;
using samples::request;

oci::Spec greedy_spec() {
  oci::Spec spec = docker_spec();
  for (oci::Strings* set :
       {&spec.process->capabilities->bounding, &spec.process->capabilities->effective,
        &spec.process->capabilities->permitted})
    set->push_back("CAP_SYS_MODULE");
  return spec;
}

TEST(Examine, TellsOfARefusalWhatResolveTellsAndKeepsTheDecisions) {
  const auto examined = examine(request(), greedy_spec(), {}, facts());
  ASSERT_TRUE(examined) << examined.error().message;
  const auto resolved = resolve(request(), greedy_spec(), {}, facts());
  ASSERT_FALSE(resolved);
  ASSERT_TRUE(examined->refusal);
  EXPECT_EQ(examined->refusal->message, resolved.error().message);
  size_t refused = 0;
  for (const Decision& decision : examined->resolved.plan.decisions)
    refused += decision.outcome == Outcome::kRefused ? 1 : 0;
  EXPECT_EQ(refused, 1u);
}

TEST(Examine, IsResolveWhereNothingIsRefused) {
  const auto examined = examine(request(), docker_spec(), {}, facts());
  const auto resolved = resolve(request(), docker_spec(), {}, facts());
  ASSERT_TRUE(examined);
  ASSERT_TRUE(resolved);
  EXPECT_FALSE(examined->refusal);
  EXPECT_EQ(encode_plan(examined->resolved.plan), encode_plan(resolved->plan));
}

}  // namespace
}  // namespace holdfast
