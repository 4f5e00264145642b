#include "core/plan/cidr.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

bool within(const char* outer, const char* inner) {
  return contains(*parse_cidr(outer), *parse_cidr(inner));
}

TEST(Cidr, NetworksOfBothVersionsAreRead) {
  EXPECT_EQ(parse_cidr("10.0.0.0/8")->length, 104);
  EXPECT_EQ(parse_cidr("10.1.2.3")->length, 128);
  EXPECT_EQ(parse_cidr("fd00::/8")->length, 8);
  EXPECT_TRUE(parse_cidr("0.0.0.0/0")->v4);
  EXPECT_FALSE(parse_cidr("::/0")->v4);
}

TEST(Cidr, WhatIsNoneIsRefused) {
  for (const char* each : {"", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "fd00::/129", "fd00::1/8",
                           "10.0.0.0/", "/8", "10.0.0.0/-1", "10.0.0.0/8/8", "example.org",
                           "010.0.0.1", "::ffff:10.0.0.1", "10.0.0.0/ 8"})
    EXPECT_FALSE(parse_cidr(each)) << each;
}

TEST(Cidr, OneContainsTheOtherWhereItsBitsAgree) {
  EXPECT_TRUE(within("10.0.0.0/8", "10.1.2.3"));
  EXPECT_TRUE(within("10.0.0.0/8", "10.1.0.0/16"));
  EXPECT_TRUE(within("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(within("10.1.0.0/16", "10.0.0.0/8"));
  EXPECT_FALSE(within("10.0.0.0/9", "10.128.0.0"));
  EXPECT_TRUE(within("fd00::/8", "fdff::1"));
}

TEST(Cidr, TheVersionsAreApart) {
  EXPECT_FALSE(within("::/0", "10.0.0.1"));
  EXPECT_FALSE(within("0.0.0.0/0", "::1"));
}

}  // namespace
}  // namespace holdfast
