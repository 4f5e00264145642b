#include <gtest/gtest.h>

#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

using Words = std::vector<uint64_t>;

TEST(CpuList, NumbersAndRanges) {
  EXPECT_EQ(*parse_cpu_list("0"), Words{1});
  EXPECT_EQ(*parse_cpu_list("0-3,7"), Words{0x8f});
  EXPECT_EQ(*parse_cpu_list("7,0-3"), Words{0x8f});
  EXPECT_EQ(*parse_cpu_list("63-64"), (Words{uint64_t{1} << 63, 1}));
  EXPECT_EQ(parse_cpu_list("8191")->size(), 128U);
}

TEST(CpuList, RefusesWhatIsNotOne) {
  for (const char* list : {"", ",", "0,", ",0", "0,,1", "-1", "0-", "3-0", "0-3-5", "a", "0 ", " 0",
                           "0x1", "+1", "8192", "0-99999", "4294967296", "0-3\n"})
    EXPECT_FALSE(parse_cpu_list(list)) << list;
}

TEST(SchedulerFlag, KnowsTheKernelsNumbers) {
  EXPECT_EQ(scheduler_flag("SCHED_FLAG_RESET_ON_FORK"), 0x01U);
  EXPECT_EQ(scheduler_flag("SCHED_FLAG_UTIL_CLAMP_MAX"), 0x40U);
  EXPECT_FALSE(scheduler_flag("SCHED_FLAG_ALL"));
  EXPECT_FALSE(scheduler_flag("SCHED_RESET_ON_FORK"));
}

TEST(RlimitNumber, KnowsAllSixteenAndNothingElse) {
  constexpr std::array kInOrder{"CPU",      "FSIZE",  "DATA",    "STACK", "CORE",  "RSS",
                                "NPROC",    "NOFILE", "MEMLOCK", "AS",    "LOCKS", "SIGPENDING",
                                "MSGQUEUE", "NICE",   "RTPRIO",  "RTTIME"};
  for (size_t number = 0; number < kInOrder.size(); ++number)
    EXPECT_EQ(rlimit_number(std::string("RLIMIT_") + kInOrder[number]), static_cast<int>(number));
  EXPECT_FALSE(rlimit_number("RLIMIT_NLIMITS"));
  EXPECT_FALSE(rlimit_number("NOFILE"));
  EXPECT_FALSE(rlimit_number("rlimit_nofile"));
}

TEST(ListenerDocument, IsTheSpecificationsAndEscapesWhatOthersWrote) {
  EXPECT_EQ(listener_document("1.2.0", 7, "a\"b", "{\"id\":\"c1\"}\n"),
            R"({"ociVersion":"1.2.0","fds":["seccompFd"],"pid":7,"metadata":"a\"b",)"
            R"("state":{"id":"c1"}})");
  EXPECT_EQ(listener_document("1.2.0", 7, "", "{}"),
            R"({"ociVersion":"1.2.0","fds":["seccompFd"],"pid":7,"state":{}})");
}

}  // namespace
}  // namespace holdfast
