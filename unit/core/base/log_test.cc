#include "core/base/log.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/json/document.h"

namespace holdfast {
namespace {

constexpr timespec kTime{.tv_sec = 1763753266, .tv_nsec = 0};

TEST(Clock, WritesTimesAsGoDoes) {
  EXPECT_EQ(rfc3339(kTime), "2025-11-21T19:27:46Z");
  EXPECT_EQ(rfc3339({0, 999999999}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339({951782400, 0}), "2000-02-29T00:00:00Z");
  EXPECT_EQ(rfc3339({-1, 0}), "1969-12-31T23:59:59Z");
  EXPECT_EQ(rfc3339({4102444799, 0}), "2099-12-31T23:59:59Z");
  EXPECT_EQ(rfc3339_nano({1763753266, 132749214}), "2025-11-21T19:27:46.132749214Z");
  EXPECT_EQ(rfc3339_nano({0, 5000}), "1970-01-01T00:00:00.000005Z");
  EXPECT_EQ(rfc3339_nano(kTime), "2025-11-21T19:27:46Z");
}

TEST(Clock, AgreesWithTheLibraryOnEveryMonthOfFourCenturies) {
  for (time_t t = -200LL * 31556952; t < 200LL * 31556952; t += 2629746 + 12345) {
    tm parts{};
    ASSERT_NE(gmtime_r(&t, &parts), nullptr);
    char text[64];
    ASSERT_GT(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts), 0u);
    ASSERT_EQ(rfc3339({t, 0}), text) << t;
  }
}

TEST(Log, WritesAFailureAsOneObjectInTheEnginesShape) {
  EXPECT_EQ(format_failure(LogFormat::kJson, "container does not exist", kTime),
            R"({"level":"error","msg":"container does not exist","time":"2025-11-21T19:27:46Z"})"
            "\n");
  EXPECT_EQ(format_failure(LogFormat::kText, "exec: \"/nope\": no", kTime),
            "time=\"2025-11-21T19:27:46Z\" level=error msg=\"exec: \\\"/nope\\\": no\"\n");
}

TEST(Log, StaysValidJsonWhateverTheMessageHolds) {
  const std::string nasty("a\"b\\c\n\t\x01\xff\xc3\xa4\xed\xa0\x80", 14);
  const std::string line = format_failure(LogFormat::kJson, nasty, kTime);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto parsed = json::Document::parse(line);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_NE(parsed->root().find("msg").text().find("\xc3\xa4"), std::string::npos);
}

class LogFile : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/holdfast-log-XXXXXX";
    const int fd = mkstemp(name);
    ASSERT_GE(fd, 0);
    close(fd);
    path_ = name;
  }
  void TearDown() override { unlink(path_.c_str()); }

  std::string path_;
};

TEST_F(LogFile, HoldsEveryFailureAndNothingElse) {
  testing::internal::CaptureStderr();
  report_failure({path_, LogFormat::kJson}, "one");
  report_failure({"file:" + path_, LogFormat::kJson}, "two");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "one\ntwo\n");
  const auto text = read_file(path_);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->find(R"({"level":"error","msg":"one","time":)"), 0u);
  EXPECT_NE(text->find("\n{\"level\":\"error\",\"msg\":\"two\","), std::string::npos);
}

TEST_F(LogFile, ThatCannotBeOpenedIsToldWithTheFailureItself) {
  testing::internal::CaptureStderr();
  report_failure({path_ + "/below", LogFormat::kJson}, "the failure");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("open log file"), std::string::npos);
  EXPECT_NE(said.find("the failure\n"), std::string::npos);
}

}  // namespace
}  // namespace holdfast
