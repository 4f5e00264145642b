#include "sandbox/kernel/rootfs_path.h"

#include <gtest/gtest.h>

#include "sandbox/kernel/idmap.h"

namespace holdfast {
namespace {

TEST(RootPath, IsAbsoluteAndNeverClimbs) {
  EXPECT_EQ(RootPath("").text(), "/");
  EXPECT_TRUE(RootPath("/../..").is_root());
  EXPECT_EQ(RootPath("a/./b//c/..").text(), "/a/b");
}

TEST(RootPath, HasAParentAndAName) {
  const RootPath path("/a/b");
  EXPECT_EQ(path.parent().text(), "/a");
  EXPECT_EQ(path.name(), "b");
  EXPECT_TRUE(RootPath("/a").parent().is_root());
  EXPECT_TRUE(RootPath("/").parent().is_root());
}

TEST(RootPath, BelowMeansWholeComponents) {
  EXPECT_TRUE(RootPath("/proc/kcore").is_below("/proc"));
  EXPECT_FALSE(RootPath("/proc").is_below("/proc"));
  EXPECT_FALSE(RootPath("/process/x").is_below("/proc"));
  EXPECT_FALSE(RootPath("/x/proc/y").is_below("/proc"));
}

TEST(RootPath, IsSeenFromADirectoryAboveIt) {
  EXPECT_EQ(RootPath("/proc/sys/kernel").from("/proc").text(), "/sys/kernel");
  EXPECT_TRUE(RootPath("/proc").from("/proc").is_root());
}

TEST(IdMap, TextIsThatOfUidMap) {
  EXPECT_EQ(id_map_text({{0, 100000, 65536}, {65536, 5, 1}}), "0 100000 65536\n65536 5 1\n");
  EXPECT_EQ(id_map_text({}), "");
}

}  // namespace
}  // namespace holdfast
