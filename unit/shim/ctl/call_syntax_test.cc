#include "shim/ctl/call_syntax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CallSyntax, TakesNumbersAndConstantsJoinedByBars) {
  const auto call = parse_call(" socket( AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC ,0x10) ");
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->name, "socket");
  EXPECT_THAT(call->args, ElementsAre(40, 0x80001, 16, 0, 0, 0));
}

TEST(CallSyntax, NeedsNoParenthesesAndNoArguments) {
  EXPECT_EQ(parse_call("mount")->name, "mount");
  EXPECT_EQ(parse_call("getpid()")->name, "getpid");
  EXPECT_EQ(parse_call("#462(1)")->name, "#462");
}

TEST(CallSyntax, NegativeNumbersAreTheirSixtyFourBits) {
  EXPECT_EQ(parse_call("kill(-1, SIGKILL)")->args[0], ~uint64_t{0});
  EXPECT_EQ(parse_call("openat(AT_FDCWD)")->args[0], static_cast<uint64_t>(-100));
  EXPECT_EQ(parse_call("f(0xffffffffffffffff)")->args[0], ~uint64_t{0});
}

TEST(CallSyntax, SaysWhatItDoesNotUnderstand) {
  const auto message = [](const char* text) {
    const auto call = parse_call(text);
    return call ? std::string("understood") : call.error().message;
  };
  EXPECT_THAT(message("socket(AF_NOWHERE)"), HasSubstr("argument 1: unknown constant"));
  EXPECT_THAT(message("socket(1, AF_INET|)"), HasSubstr("argument 2: a value is missing"));
  EXPECT_THAT(message("socket(1"), HasSubstr("parenthesis"));
  EXPECT_THAT(message("(1)"), HasSubstr("no system call"));
  EXPECT_THAT(message(""), HasSubstr("no system call"));
  EXPECT_THAT(message("socket 1"), HasSubstr("expected a call like"));
  EXPECT_THAT(message("f(1,2,3,4,5,6,7)"), HasSubstr("six arguments"));
  EXPECT_THAT(message("open(\"/etc/passwd\")"), HasSubstr("numbers only"));
  EXPECT_THAT(message("f(18446744073709551616)"), HasSubstr("unknown constant"));
}

}  // namespace
}  // namespace holdfast::ctl
