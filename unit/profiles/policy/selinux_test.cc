#include <gtest/gtest.h>

#include <algorithm>

#include "sandbox/launch/categories.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

constexpr const char* kPod = "system_u:system_r:container_t:s0:c7,c8";

struct Case {
  oci::Spec spec = samples::docker_spec();
  Request request = samples::request();
  HostFacts facts = samples::facts();
  Policy policy;

  Case() {
    facts.selinux = true;
    request.selinux = {.knows_containers = true,
                       .root_label = "system_u:object_r:container_file_t:s0",
                       .pod_label = {}};
    policy.profile = *shipped_profile("baseline");
    policy.profile.se_linux = Requirement::kAuto;
  }
  Resolved resolved() const {
    auto result = resolve(request, spec, policy, facts);
    EXPECT_TRUE(result) << result.error().message;
    return result ? std::move(*result) : Resolved{};
  }
};

std::string why_not(const Resolved& resolved) {
  for (const Decision& each : resolved.plan.decisions)
    if (each.control == "seLinux" && each.outcome == Outcome::kNotPossible) return each.why;
  return "possible";
}

TEST(SeLinux, TheEnginesLabelStays) {
  Case c;
  c.spec.process->selinux_label = kPod;
  c.spec.linux_.mount_label = "system_u:object_r:container_file_t:s0:c7,c8";
  const Resolved r = c.resolved();
  EXPECT_EQ(r.plan.process.selinux_label, kPod);
  EXPECT_EQ(r.plan.mount_label, "system_u:object_r:container_file_t:s0:c7,c8");
  EXPECT_FALSE(r.wants_categories);
}

TEST(SeLinux, WithoutALabelTheContainerGetsOneWithCategoriesOfItsOwn) {
  const Resolved r = Case().resolved();
  EXPECT_EQ(r.plan.process.selinux_label, "system_u:system_r:container_t:s0");
  EXPECT_EQ(r.plan.mount_label, "system_u:object_r:container_file_t:s0");
  EXPECT_TRUE(r.wants_categories);
}

TEST(SeLinux, MembersOfAPodShareALabel) {
  Case c;
  c.request.selinux.pod_label = kPod;
  const Resolved r = c.resolved();
  EXPECT_EQ(r.plan.process.selinux_label, kPod);
  EXPECT_EQ(r.plan.mount_label, "system_u:object_r:container_file_t:s0:c7,c8");
  EXPECT_FALSE(r.wants_categories);
  // What is joined may be no container.
  c.request.selinux.pod_label = "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023";
  EXPECT_TRUE(c.resolved().wants_categories);
}

TEST(SeLinux, WhatStandsInTheWayIsTold) {
  Case c;
  c.request.selinux.root_label = "system_u:object_r:var_lib_t:s0";
  EXPECT_NE(why_not(c.resolved()).find("labelled system_u:object_r:var_lib_t:s0"),
            std::string::npos);
  EXPECT_EQ(c.resolved().plan.process.selinux_label, "");
  c.request.selinux.root_label = "system_u:object_r:container_file_t:s0:c1,c2";
  EXPECT_NE(why_not(c.resolved()), "possible");
  c.request.selinux.knows_containers = false;
  EXPECT_NE(why_not(c.resolved()).find("no type container_t"), std::string::npos);
  c.policy.profile.se_linux = Requirement::kRequire;
  EXPECT_FALSE(resolve(c.request, c.spec, c.policy, c.facts));
}

TEST(SeLinux, APairIsReadFromTheLevel) {
  EXPECT_EQ(categories_of("system_u:system_r:container_t:s0:c1,c2"), "c1,c2");
  for (const char* none :
       {"", "system_u:system_r:container_t:s0", "a:b:c:s0-s0:c0.c1023", "a:b:c:s0:c1"})
    EXPECT_EQ(categories_of(none), "") << none;
}

}  // namespace
}  // namespace holdfast
