#include "sandbox/audit/throttle.h"

#include <gtest/gtest.h>

#include "unit/core/event/sample.h"

namespace holdfast {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 1'763'789'421 * kSecond;

Event at(uint64_t time, const std::string& path = "/tmp/x") {
  Event e = sample_file();
  e.time = time;
  e.file->path = path;
  return e;
}

uint64_t total(const std::vector<Event>& events) {
  uint64_t count = 0;
  for (const Event& each : events) count += each.count;
  return count;
}

TEST(Throttle, TheFirstOfEachIsWrittenAndItsLikeAreCounted) {
  Throttle throttle({.burst = 4, .window = 10});
  std::vector<Event> out;
  for (uint64_t i = 0; i < 5; ++i) throttle.add(at(kStart + i), kStart + i, out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].count, 1U);
  EXPECT_EQ(throttle.next(), kStart + 10 * kSecond);
  throttle.collect(kStart + 10 * kSecond, out);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[1].rule, "watched-file");
  EXPECT_EQ(out[1].count, 4U);
  EXPECT_EQ(out[1].first_time, kStart + 1);
  EXPECT_EQ(out[1].time, kStart + 4);
  EXPECT_FALSE(throttle.next());
}

TEST(Throttle, WithNothingCountedNobodyNeedsToWakeUp) {
  Throttle throttle({});
  std::vector<Event> out;
  throttle.add(at(kStart), kStart, out);
  EXPECT_FALSE(throttle.next());
}

TEST(Throttle, BeyondTheBurstTheRuleAndTheNumberAreTold) {
  Throttle throttle({.burst = 3, .window = 10});
  std::vector<Event> out;
  for (uint64_t i = 0; i < 10; ++i)
    throttle.add(at(kStart + i, "/tmp/" + std::to_string(i)), kStart + i, out);
  EXPECT_EQ(out.size(), 3U);
  throttle.finish(out);
  ASSERT_EQ(out.size(), 4U);
  EXPECT_EQ(out[3].rule, "events-throttled");
  EXPECT_EQ(out[3].count, 7U);
  EXPECT_EQ(out[3].severity, Severity::kHigh);
  EXPECT_NE(out[3].message.find("watched-file"), std::string::npos);
}

TEST(Throttle, AnotherContainerRuleOrOutcomeIsAnotherEvent) {
  Throttle throttle({.burst = 1, .window = 10});
  std::vector<Event> out;
  Event event = at(kStart);
  throttle.add(event, kStart, out);
  event.container = "other";
  throttle.add(event, kStart, out);
  event.rule = "other";
  throttle.add(event, kStart, out);
  EXPECT_EQ(out.size(), 3U);
  Throttle wide({.burst = 2, .window = 10});
  wide.add(event, kStart, out);
  event.disposition = Disposition::kFailed;
  wide.add(event, kStart, out);
  EXPECT_EQ(out.size(), 5U);
}

TEST(Throttle, TheGravestStandsForItsLike) {
  Throttle throttle({});
  std::vector<Event> out;
  Event event = at(kStart);
  throttle.add(event, kStart, out);
  throttle.add(event, kStart, out);
  event.severity = Severity::kCritical;
  throttle.add(event, kStart, out);
  throttle.finish(out);
  EXPECT_EQ(out.back().severity, Severity::kCritical);
}

// The law: whatever comes, the counts of what is written add up to what was added, in bounded memory.
TEST(Throttle, NothingIsLostInAStorm) {
  for (const size_t containers : {1U, 40U, 1000U}) {
    for (const size_t paths : {1U, 7U, 5000U}) {
      Throttle throttle({.burst = 8, .window = 1});
      std::vector<Event> out;
      uint64_t now = kStart;
      constexpr size_t kAll = 20'000;
      for (size_t i = 0; i < kAll; ++i) {
        now += kSecond / 1000;
        Event event = at(now, std::to_string(i % paths));
        event.container = std::to_string(i % containers);
        if (i % 17 == 0) event.kind = EventKind::kFile;
        throttle.add(std::move(event), now, out);
        if (i % 100 == 0) throttle.collect(now, out);
      }
      throttle.finish(out);
      EXPECT_EQ(total(out), kAll) << containers << " " << paths;
      if (containers == 1) {
        EXPECT_LT(out.size(), kAll / 50) << paths;
      }
      for (const Event& each : out) {
        EXPECT_LE(each.first_time, each.time);
        EXPECT_GE(each.count, 1U);
      }
    }
  }
}

}  // namespace
}  // namespace holdfast
