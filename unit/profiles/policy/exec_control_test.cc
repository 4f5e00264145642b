// Exec control: from the profile into the plan, and what the plan tells of it.
#include <gtest/gtest.h>

#include "core/plan/describe_supervision.h"
#include "profiles/policy/profile_json.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

class ExecControl : public testing::Test {
 protected:
  ExecControl() {
    policy_.profile = *shipped_profile("baseline");
    control().drift = Response::kDeny;
    control().programs = {ProgramRule{.image = true}};
    request_ = samples::request();
    request_.memfd_noexec = true;
    spec_ = samples::docker_spec();
  }
  ProgramControl& control() { return policy_.profile.exec.control; }
  Plan plan() const {
    auto examined = examine(request_, spec_, policy_, facts_);
    EXPECT_TRUE(examined) << examined.error().message;
    return examined ? std::move(examined->resolved.plan) : Plan{};
  }
  std::string refusal() const {
    auto examined = examine(request_, spec_, policy_, facts_);
    return examined && examined->refusal ? examined->refusal->message : "";
  }
  const Decision* decision(const Plan& plan, std::string_view control) const {
    for (const Decision& each : plan.decisions)
      if (each.control == control) return &each;
    return nullptr;
  }

  Policy policy_;
  Request request_;
  oci::Spec spec_;
  HostFacts facts_ = samples::facts();
};

TEST_F(ExecControl, WithoutRulesNothingIsWatched) {
  control() = {};
  policy_.profile.respond = {{Severity::kHigh, Response::kFreeze, {}}};
  EXPECT_FALSE(plan().supervision);
}

TEST_F(ExecControl, TheProfilesRulesStandInThePlan) {
  policy_.profile.respond = {{Severity::kHigh, Response::kFreeze, Seconds{600}}};
  policy_.profile.on_supervisor_loss = Response::kKillContainer;
  const Plan made = plan();
  ASSERT_TRUE(made.supervision && made.supervision->exec);
  const ExecControlPlan& exec = *made.supervision->exec;
  EXPECT_EQ(exec.drift, Response::kDeny);
  EXPECT_EQ(exec.other, Response::kDeny) << "deny goes without saying";
  EXPECT_EQ(exec.allow, control().programs);
  ASSERT_EQ(made.supervision->respond.size(), 1u);
  EXPECT_EQ(made.supervision->respond[0].release_after, 600u);
  EXPECT_EQ(made.supervision->on_loss, Response::kKillContainer);
  EXPECT_TRUE(decode_plan(encode_plan(made)));
}

TEST_F(ExecControl, MemoryFilesAreNotExecutableWhereDriftIsDenied) {
  const Plan made = plan();
  EXPECT_EQ(made.sysctl.at("vm.memfd_noexec"), "2");
  control().drift = Response::kAlert;
  EXPECT_FALSE(plan().sysctl.contains("vm.memfd_noexec"));
}

TEST_F(ExecControl, WhatCannotBeDoneAboutMemoryFilesIsTold) {
  request_.memfd_noexec = false;
  const Plan made = plan();
  EXPECT_FALSE(made.sysctl.contains("vm.memfd_noexec"));
  const Decision* told = decision(made, "execControl.memfd");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->outcome, Outcome::kNotPossible);
  control().require = true;
  EXPECT_NE(refusal(), "");
}

TEST_F(ExecControl, WithoutPrivilegesItIsNotPossible) {
  facts_.euid = 1000;
  const Plan made = plan();
  EXPECT_FALSE(made.supervision);
  ASSERT_TRUE(decision(made, "execControl"));
  EXPECT_EQ(decision(made, "execControl")->outcome, Outcome::kNotPossible);
  control().require = true;
  EXPECT_NE(refusal().find("execControl"), std::string::npos) << refusal();
}

TEST_F(ExecControl, ThePlanTellsWhatItDoesNotSee) {
  const Plan made = plan();
  const Decision* told = decision(made, "execControl");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->applied, "only image; others: deny; drift: deny");
  EXPECT_NE(told->why.find("ld.so"), std::string::npos) << told->why;
  control().libraries = true;
  EXPECT_EQ(decision(plan(), "execControl")->why.find("ld.so"), std::string::npos);
}

TEST_F(ExecControl, ModeWarnOnlyTells) {
  policy_.mode = Mode::kWarn;
  policy_.profile.respond = {{Severity::kHigh, Response::kFreeze, {}}};
  const Plan made = plan();
  ASSERT_TRUE(made.supervision && made.supervision->exec);
  EXPECT_EQ(made.supervision->exec->drift, Response::kAlert);
  EXPECT_EQ(made.supervision->exec->other, Response::kAlert);
  EXPECT_TRUE(made.supervision->respond.empty());
  EXPECT_EQ(made.supervision->on_loss, Response::kAlert);
  EXPECT_FALSE(made.sysctl.contains("vm.memfd_noexec"));
  policy_.mode = Mode::kAudit;
  EXPECT_FALSE(plan().supervision);
}

TEST_F(ExecControl, AnExceptionOpensIt) {
  policy_.grants.push_back({"execControl", "builds", "TICKET-1"});
  const Plan made = plan();
  EXPECT_FALSE(made.supervision);
  EXPECT_TRUE(decision(made, "execControl"));
}

std::string decoding(const std::string& exec, const std::string& more = "") {
  const auto made = json::decode<Profile>(R"({"name":"p","exec":)" + exec + more + "}");
  return made ? "" : made.error().message;
}

TEST(ExecControlJson, ProgramsAreWrittenShortOrAsObjects) {
  const std::string hash(64, 'a');
  const std::string text =
      R"({"name":"p","exec":{"programs":["image","/usr/bin/*",{"path":"/a","sha256":")" + hash +
      R"(","parent":"/b*"}],"drift":"freeze"}})";
  const auto made = json::decode<Profile>(text, {.strict = true});
  ASSERT_TRUE(made) << made.error().message;
  const auto& programs = *made->exec.control.programs;
  ASSERT_EQ(programs.size(), 3u);
  EXPECT_EQ(programs[0], (ProgramRule{.image = true}));
  EXPECT_EQ(programs[1], (ProgramRule{.path = "/usr/bin/*"}));
  EXPECT_EQ(programs[2], (ProgramRule{.path = "/a", .sha256 = hash, .parent = "/b*"}));
  EXPECT_NE(json::encode(*made).find(R"("programs":["image","/usr/bin/*",{"path":"/a")"),
            std::string::npos);
}

TEST(ExecControlJson, MistakesAreErrors) {
  EXPECT_NE(decoding(R"({"programs":["bin/sh"]})"), "");
  EXPECT_NE(decoding(R"({"programs":[{}]})"), "");
  EXPECT_NE(decoding(R"({"programs":["/a*b"]})"), "");
  EXPECT_NE(decoding(R"({"programs":["/a/../b"]})"), "");
  EXPECT_NE(decoding(R"({"programs":[{"sha256":"12"}]})"), "");
  EXPECT_NE(decoding(R"({"drift":"maybe"})"), "");
  EXPECT_NE(decoding("{}", R"(,"onSupervisorLoss":"alert")"), "");
  EXPECT_NE(decoding("{}", R"(,"respond":[{"at":"high","do":"killContainer","for":"1m"}])"), "");
  EXPECT_EQ(decoding(R"({"programs":[],"drift":"deny"})",
                     R"(,"respond":[{"at":"high","do":"freeze","for":"1m"}])"),
            "");
}

}  // namespace
}  // namespace holdfast
