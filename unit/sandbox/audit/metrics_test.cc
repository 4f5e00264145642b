#include "sandbox/audit/metrics.h"

#include <gtest/gtest.h>

#include "unit/core/event/sample.h"

namespace holdfast {
namespace {

constexpr std::string_view kDrift =
    "holdfast_events_total{rule=\"drift-exec\",severity=\"high\",disposition=\"blocked\"} ";

TEST(Metrics, CountersGoOnFromWhatStandsThere) {
  Metrics metrics;
  metrics.add(sample_exec());
  metrics.add_lost(2);
  metrics.add_failure("journald");
  const std::string once = metrics.merged("");
  EXPECT_NE(once.find(std::string(kDrift) + "1\n"), std::string::npos) << once;
  const std::string twice = metrics.merged(once);
  EXPECT_NE(twice.find(std::string(kDrift) + "2\n"), std::string::npos) << twice;
  EXPECT_NE(twice.find("holdfast_audit_lost_total 4\n"), std::string::npos);
  EXPECT_NE(twice.find("holdfast_audit_sink_failures_total{sink=\"journald\"} 2\n"),
            std::string::npos);
  EXPECT_EQ(Metrics().merged(twice), twice);
}

TEST(Metrics, EventsToldAsOneCountEach) {
  Metrics metrics;
  Event event = sample_exec();
  event.count = 40;
  metrics.add(event);
  EXPECT_NE(metrics.merged("").find(std::string(kDrift) + "40\n"), std::string::npos);
}

TEST(Metrics, HostileRulesAreNoLabelsAndSeriesAreBounded) {
  Metrics metrics;
  Event event = sample_exec();
  event.rule = "a\"} 1\nb";
  metrics.add(event);
  EXPECT_NE(metrics.merged("").find("rule=\"a___1_b\""), std::string::npos);
  for (int i = 0; i < 5000; ++i) {
    event.rule = "r" + std::to_string(i);
    metrics.add(event);
  }
  const std::string text = metrics.merged("");
  EXPECT_NE(text.find("rule=\"other\""), std::string::npos);
  EXPECT_LT(text.size(), 100'000U);
}

TEST(Metrics, WhatIsNoSeriesOfOursIsDropped) {
  const std::string text = Metrics().merged("evil 1\nholdfast_events_total{} x\n\n#\n");
  EXPECT_EQ(text, Metrics().merged(""));
}

}  // namespace
}  // namespace holdfast
