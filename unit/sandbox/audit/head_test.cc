#include "sandbox/audit/head.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(LogHead, WhatIsDamagedSaysNothing) {
  const std::string good = "00000000000000000017 " + std::string(64, 'a') +
                           " 00000000000000000003 00000000000000000005\n";
  EXPECT_EQ(parse_head(good).link.sequence, 17U);
  EXPECT_EQ(parse_head(good).link.chain, std::string(64, 'a'));
  EXPECT_EQ(parse_head(good).lost, 3U);
  EXPECT_EQ(parse_head(good).first, 5U);
  for (const std::string& bad :
       {std::string(), good.substr(1), good + "x", "x" + good.substr(1), std::string(129, ' '),
        std::string(good.size(), '\0')}) {
    EXPECT_EQ(parse_head(bad).link.sequence, 0U) << bad;
    EXPECT_EQ(parse_head(bad).lost, 0U) << bad;
  }
}

}  // namespace
}  // namespace holdfast
