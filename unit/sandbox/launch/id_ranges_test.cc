#include "sandbox/launch/id_ranges.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

namespace holdfast {
namespace {

TEST(IdPool, WithoutAnEntryIsTheBuiltInOne) {
  const auto pool = id_pool("anna:100000:65536\n", "anna:100000:65536\n");
  ASSERT_TRUE(pool);
  EXPECT_EQ(pool->text(), "1879048192..2147352575 (built in)");
  EXPECT_EQ(pool->ranges(), 4094u);
}

TEST(IdPool, IsTheWidestThatBothFilesGive) {
  const auto pool = id_pool("anna:5:x\nholdfast:1000000:131072\nholdfast:3000000:655360\n",
                            "holdfast:3000100:655360\n");
  ASSERT_TRUE(pool) << pool.error().message;
  EXPECT_EQ(pool->first, 3000100u);
  EXPECT_EQ(pool->count, 655260u);
  EXPECT_EQ(pool->ranges(), 9u);
  EXPECT_EQ(pool->source, "/etc/subuid");
}

// containers, the name that podman takes ids from by itself, is not ours to give.
TEST(IdPool, TakesNothingFromOtherNames) {
  const auto pool = id_pool("containers:2000000:655360", "containers:2000000:655360");
  ASSERT_TRUE(pool);
  EXPECT_EQ(pool->source, "built in");
}

TEST(IdPool, RefusesWhatCannotBeGiven) {
  const auto message = [](std::string_view uids, std::string_view gids) {
    const auto pool = id_pool(uids, gids);
    return pool ? std::string() : pool.error().message;
  };
  EXPECT_EQ(message("holdfast:1000000", ""),
            "/etc/subuid: \"holdfast:1000000\" is not NAME:FIRST:COUNT");
  EXPECT_EQ(message("", "holdfast:1:2:3"),
            "/etc/subgid: \"holdfast:1:2:3\" is not NAME:FIRST:COUNT");
  EXPECT_EQ(message("holdfast:-1:65536", ""),
            "/etc/subuid: \"holdfast:-1:65536\" is not NAME:FIRST:COUNT");
  EXPECT_NE(message("holdfast:1000:655360", "").find("ids of the host's own"), std::string::npos);
  EXPECT_NE(message("holdfast:4294900000:67296", "").find("beyond the last id"), std::string::npos);
  for (const auto& [uids, gids] : {std::pair{"holdfast:1000000:65536", ""},
                                   {"holdfast:1000000:65535", "holdfast:1000000:65535"},
                                   {"holdfast:1000000:65536", "holdfast:1065536:65536"}})
    EXPECT_NE(message(uids, gids).find("no 65536 ids in common"), std::string::npos) << uids;
}

TEST(PreferredRange, IsStableAndSpread) {
  std::set<uint32_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(preferred_range(fmt::format("c{}", i), 4096));
  EXPECT_GT(seen.size(), 180u);
  EXPECT_LT(*seen.rbegin(), 4096u);
  EXPECT_EQ(preferred_range("web", 7), preferred_range("web", 7));
  EXPECT_EQ(preferred_range("web", 1), 0u);
}

class Ranges : public ::testing::Test {
 protected:
  void SetUp() override {
    char base[] = "/tmp/holdfast-ids-XXXXXX";
    ASSERT_NE(::mkdtemp(base), nullptr);
    base_ = base;
  }
  void TearDown() override {
    auto root = DirFd::open("/tmp");
    ASSERT_TRUE(root);
    ASSERT_TRUE(root->remove_tree(base_.substr(5)));
  }
  IdRanges open() {
    auto ranges = IdRanges::open(base_ + "/ids");
    EXPECT_TRUE(ranges) << ranges.error().message;
    return std::move(*ranges);
  }
  // A container's state directory.
  IdHolder container(const std::string& id) {
    EXPECT_EQ(::mkdir((base_ + "/" + id).c_str(), 0700), 0);
    auto dir = DirFd::open(base_ + "/" + id);
    auto holder = id_holder(*dir);
    EXPECT_TRUE(holder) << holder.error().message;
    return std::move(*holder);
  }
  void remove(const std::string& id) {
    // A sibling keeps the inode number from being used again at once.
    EXPECT_EQ(::rmdir((base_ + "/" + id).c_str()), 0);
  }

  std::string base_;
  // No process of any host has these.
  IdPool three_{.first = 4000000000, .count = 3 * kIdRangeSize, .source = "test"};
};

TEST_F(Ranges, AreHandedOutOnceEach) {
  IdRanges ranges = open();
  std::set<uint32_t> given;
  for (const char* id : {"a", "b", "c"}) {
    const auto first = ranges.claim(three_, container(id), id);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ((*first - three_.first) % kIdRangeSize, 0u);
    EXPECT_TRUE(given.insert(*first).second);
  }
  const auto none = ranges.claim(three_, container("d"), "d");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, EDQUOT);
  EXPECT_EQ(none.error().message,
            "all 3 id ranges of 4000000000..4000196607 (test) are in use: delete containers, or "
            "give \"holdfast\" more ids in /etc/subuid and /etc/subgid");
}

TEST_F(Ranges, AreFreeAfterTheirRelease) {
  IdRanges ranges = open();
  const IdHolder a = container("a");
  const auto first = ranges.claim(three_, a, "a");
  ASSERT_TRUE(first);
  ASSERT_TRUE(ranges.release(*first, a));
  ASSERT_TRUE(ranges.release(*first, a));
  EXPECT_TRUE(ranges.held()->empty());
  EXPECT_EQ(ranges.claim(three_, a, "a").value_or(0), *first);
}

// As after a runtime that was killed, and a deletion that knew nothing of the range.
TEST_F(Ranges, OfAVanishedStateDirectoryAreTakenAgain) {
  IdRanges ranges = open();
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(ranges.claim(three_, container(id), id));
  remove("b");
  const auto again = ranges.claim(three_, container("d"), "d");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(ranges.claim(three_, container("e"), "e"));
}

TEST_F(Ranges, OfADirectoryOfTheSameNameAreNotTheOldContainers) {
  IdRanges ranges = open();
  const IdHolder old = container("a");
  ASSERT_TRUE(ranges.claim(three_, old, "a"));
  // The old one moves out of the way, as deletion does, and is not gone yet: its inode is not used again.
  ASSERT_EQ(::rename((base_ + "/a").c_str(), (base_ + "/.gone").c_str()), 0);
  const IdHolder young = container("a");
  ASSERT_NE(young.name, old.name);
  const auto first = ranges.claim(three_, young, "a");
  ASSERT_TRUE(first);
  const auto held = ranges.held();
  ASSERT_TRUE(held);
  ASSERT_EQ(held->size(), 1u);
  EXPECT_EQ(held->front().holders.size(), 1u);
}

TEST_F(Ranges, OfAPodStayUntilItsLastContainerIsGone) {
  IdRanges ranges = open();
  IdPool one = three_;
  one.count = kIdRangeSize;
  const IdHolder sandbox = container("sandbox"), member = container("member");
  ASSERT_TRUE(ranges.claim(one, sandbox, "sandbox"));
  ASSERT_TRUE(ranges.share(one.first, member));
  ASSERT_TRUE(ranges.share(one.first, member));
  ASSERT_TRUE(ranges.release(one.first, sandbox));
  EXPECT_FALSE(ranges.claim(one, container("other"), "other"));
  ASSERT_TRUE(ranges.release(one.first, member));
  EXPECT_TRUE(ranges.claim(one, container("third"), "third"));
  ASSERT_TRUE(ranges.share(4000000000 + 10 * kIdRangeSize, member));
  EXPECT_EQ(ranges.held()->size(), 2u);
}

TEST_F(Ranges, OfAnotherPoolThatOverlapAreRespected) {
  IdRanges ranges = open();
  IdPool one = three_, shifted = three_;
  one.count = kIdRangeSize;
  shifted.first += 1000;
  shifted.count = 2 * kIdRangeSize;
  ASSERT_TRUE(ranges.claim(one, container("a"), "a"));
  EXPECT_EQ(ranges.claim(shifted, container("b"), "b").value_or(0), shifted.first + kIdRangeSize);
  EXPECT_FALSE(ranges.claim(shifted, container("c"), "c"));
}

// A runtime that was killed between making the range's directory and its claim.
TEST_F(Ranges, WithoutAnyHolderAreFree) {
  IdRanges ranges = open();
  IdPool one = three_;
  one.count = kIdRangeSize;
  ASSERT_EQ(::mkdir((base_ + "/ids/4000000000").c_str(), 0700), 0);
  EXPECT_TRUE(ranges.claim(one, container("a"), "a"));
}

TEST_F(Ranges, AreNotKeptWhereOthersCanWrite) {
  ASSERT_EQ(::mkdir((base_ + "/ids").c_str(), 0700), 0);
  ASSERT_EQ(::chmod((base_ + "/ids").c_str(), 0777), 0);
  const auto ranges = IdRanges::open(base_ + "/ids");
  ASSERT_FALSE(ranges);
  EXPECT_NE(ranges.error().message.find("writable by others"), std::string::npos);
}

}  // namespace
}  // namespace holdfast
