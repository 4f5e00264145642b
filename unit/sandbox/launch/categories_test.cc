#include "sandbox/launch/categories.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

namespace holdfast {
namespace {

namespace fs = std::filesystem;

class Categories : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/holdfast-categories-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    top_ = name;
  }
  void TearDown() override { fs::remove_all(top_); }

  std::string container(const std::string& id) {
    fs::create_directory(top_ / id);
    return (top_ / id).string();
  }
  void plan(const std::string& owner, const std::string& label) {
    std::ofstream(owner + "/plan.json") << R"({"selinuxLabel":")" << label << R"("})";
  }
  std::string claimed(const std::string& owner) {
    const auto pair = claim_categories(owner, entries());
    EXPECT_TRUE(pair) << pair.error().message;
    return pair.value_or("");
  }
  std::string entries() const { return (top_ / "register").string(); }

  fs::path top_;
};

TEST_F(Categories, NoTwoContainersGetTheSame) {
  std::set<std::string> pairs;
  for (int i = 0; i < 100; ++i) pairs.insert(claimed(container(fmt::format("c{}", i))));
  EXPECT_EQ(pairs.size(), 100u);
}

TEST_F(Categories, APairIsFreeAgainWhenItsContainerHasGone) {
  const std::string owner = container("c1");
  const std::string pair = claimed(owner);
  fs::remove_all(owner);
  EXPECT_EQ(claimed(container("c1")), pair);
}

TEST_F(Categories, APairIsTakenWhileItsContainerIsBeingMade) {
  const std::string owner = container("c1");
  const std::string pair = claimed(owner);
  fs::remove_all(owner);
  // Another's, whose plan does not exist yet.
  EXPECT_TRUE(note_categories(container("c2"), pair, entries()));
  EXPECT_NE(claimed(container("c1")), pair);
}

TEST_F(Categories, AnEntryThatCannotBeReadIsNobodysPairToGive) {
  const std::string owner = container("c1");
  const std::string pair = claimed(owner);
  fs::remove(fs::path(entries()) / pair);
  fs::create_directory(fs::path(entries()) / pair);
  const auto again = claim_categories(owner, entries());
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find(pair), std::string::npos) << again.error().message;
  EXPECT_FALSE(note_categories(owner, pair, entries()));
}

TEST_F(Categories, APairThatThePlanDoesNotNameIsFree) {
  const std::string owner = container("c1"), other = container("c2");
  const std::string pair = claimed(owner);
  EXPECT_TRUE(note_categories(other, pair, entries()));
  plan(other, "system_u:system_r:container_t:s0:c1022,c1023");
  EXPECT_EQ(claimed(owner), pair);
  EXPECT_TRUE(note_categories(other, pair, entries()));
  plan(other, "system_u:system_r:container_t:s0:" + pair);
  EXPECT_NE(claimed(owner), pair);
}

TEST_F(Categories, WhatAnEngineGaveIsLeftToItWhileAnyOwnerLives) {
  const std::string first = container("c1"), one = container("pod1"), other = container("pod2");
  const std::string pair = claimed(first);
  fs::remove_all(first);
  for (const auto& owner : {one, other}) {
    plan(owner, "system_u:system_r:container_t:s0:" + pair);
    EXPECT_TRUE(note_categories(owner, pair, entries()));
  }
  fs::remove_all(one);
  EXPECT_NE(claimed(container("c1")), pair);
  fs::remove_all(other);
  fs::remove_all(first);
  EXPECT_EQ(claimed(container("c1")), pair);
}

TEST_F(Categories, EntriesOfTheDeadAreForgotten) {
  claimed(container("c1"));
  for (int i = 0; i < 1030; ++i)
    std::ofstream(fmt::format("{}/c{},c{}", entries(), i / 1000, 2 + i % 1000)) << "/gone\n";
  claimed(container("c2"));
  const auto left = fs::directory_iterator(entries());
  EXPECT_EQ(std::distance(left, fs::directory_iterator()), 2);
}

}  // namespace
}  // namespace holdfast
