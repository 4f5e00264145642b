#include "sandbox/supervise/network_watch.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

Incident refused(Severity severity) {
  Incident incident;
  incident.event.severity = severity;
  incident.event.disposition = Disposition::kBlocked;
  return incident;
}
NetworkPlan plan(Response on_violation) {
  NetworkPlan made;
  made.on_violation = on_violation;
  return made;
}

TEST(AnswerNetwork, TheGraverOfItsRuleAndTheResponsesCounts) {
  const std::vector<ResponseRule> respond{{Severity::kHigh, Response::kIsolate, 600},
                                          {Severity::kCritical, Response::kKillContainer, 0}};
  Incident incident = refused(Severity::kHigh);
  answer_network(plan(Response::kDeny), respond, incident);
  EXPECT_EQ(incident.event.response, Response::kIsolate);
  EXPECT_EQ(incident.release_after, 600u);

  incident = refused(Severity::kMedium);
  answer_network(plan(Response::kDeny), respond, incident);
  EXPECT_EQ(incident.event.response, Response::kDeny);
  EXPECT_EQ(incident.release_after, 0u);

  incident = refused(Severity::kMedium);
  answer_network(plan(Response::kFreeze), respond, incident);
  EXPECT_EQ(incident.event.response, Response::kFreeze);
}

TEST(AnswerNetwork, WhatIsAllowedIsAnsweredByNothing) {
  Incident incident = refused(Severity::kInformational);
  incident.event.disposition = Disposition::kAllowed;
  answer_network(plan(Response::kKillContainer), {{Severity::kInformational, Response::kFreeze, 0}},
                 incident);
  EXPECT_EQ(incident.event.response, Response::kAlert);
}

}  // namespace
}  // namespace holdfast
