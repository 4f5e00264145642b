#include "core/event/chain.h"

#include <gtest/gtest.h>

#include "core/event/formats.h"
#include "core/json/document.h"
#include "unit/core/event/sample.h"

namespace holdfast {
namespace {

std::vector<std::string> log_of(size_t count, Link& link) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < count; ++i)
    lines.push_back(seal(encode_ocsf(sample_file(), link.sequence + 1), link,
                         i == 0 ? Place::kFirstOfFile : Place::kFurther));
  return lines;
}

TEST(Chain, LinesHoldInTheirOrder) {
  Link link;
  std::string former = link.chain;
  uint64_t sequence = 0;
  for (const std::string& line : log_of(5, link)) {
    const auto sealed = open_seal(line);
    ASSERT_TRUE(sealed) << sealed.error().message;
    EXPECT_EQ(sealed->sequence, ++sequence);
    EXPECT_TRUE(sealed->holds(former));
    EXPECT_EQ(sealed->previous.empty(), sequence != 1);
    former = sealed->chain;
  }
  EXPECT_EQ(link.chain, former);
  EXPECT_EQ(link.sequence, 5U);
}

TEST(Chain, ASealedLineIsOneObjectThatDecodes) {
  Link link;
  for (const std::string& line : log_of(2, link)) {
    EXPECT_TRUE(json::Document::parse(line));
    EXPECT_TRUE(decode_ocsf(line));
  }
}

TEST(Chain, EveryChangedByteShows) {
  Link link;
  const std::string line = log_of(1, link)[0];
  for (size_t at = 0; at < line.size(); ++at) {
    std::string changed = line;
    changed[at] = changed[at] == '0' ? '1' : '0';
    const auto sealed = open_seal(changed);
    EXPECT_TRUE(!sealed || !sealed->holds(Link().chain)) << at;
  }
}

TEST(Chain, AnotherPredecessorShows) {
  Link link;
  const auto lines = log_of(3, link);
  EXPECT_FALSE(open_seal(lines[2])->holds(open_seal(lines[0])->chain));
  EXPECT_TRUE(open_seal(lines[2])->holds(open_seal(lines[1])->chain));
}

TEST(Chain, WhatIsNoLineIsAnError) {
  for (const char* text :
       {"", "{}", R"({"metadata":{"sequence":1}})", R"({"metadata":{"sequence":x,"chain":"")"})
    EXPECT_FALSE(open_seal(text)) << text;
}

}  // namespace
}  // namespace holdfast
