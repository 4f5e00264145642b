#include <gtest/gtest.h>

#include "sandbox/kernel/cgroup/hierarchy.h"
#include "sandbox/kernel/cgroup/place.h"

namespace holdfast::cgroup {
namespace {

Hierarchies parse(std::string_view mounts, std::string_view own) {
  HierarchyParser parser(own);
  for (const std::string_view line : split(mounts, '\n'))
    if (!parser.line(line)) break;
  return std::move(parser).finish();
}

constexpr char kHybridMounts[] =
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "31 23 0:28 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate\n"
    "33 31 0:30 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd\n"
    "34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:12 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw shared:13 - cgroup cgroup rw,memory\n";
constexpr char kHybridOwn[] =
    "4:memory:/user.slice\n3:cpu,cpuacct:/\n1:name=systemd:/user.slice/x.scope\n0::/user.slice/"
    "x.scope\n";

constexpr char kV2Mounts[] =
    "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(CgroupHierarchy, HybridIsVersionOneWithVersionTwoLast) {
  const Hierarchies host = parse(kHybridMounts, kHybridOwn);
  EXPECT_EQ(host.mode, HostFacts::Cgroup::kHybrid);
  ASSERT_EQ(host.all.size(), 4u);
  EXPECT_EQ(host.all[1].controllers, "cpu,cpuacct");
  EXPECT_EQ(host.all[1].mount_point, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_TRUE(host.all[1].has("cpuacct"));
  EXPECT_FALSE(host.all[1].has("cpu,cpuacct"));
  EXPECT_EQ(host.all[2].controllers, "name=systemd");
  EXPECT_TRUE(host.all[3].v2());
  EXPECT_EQ(host.all[3].own_directory(), "/sys/fs/cgroup/unified/user.slice/x.scope");
}

TEST(CgroupHierarchy, WithoutControllersOfVersionOneItIsVersionTwo) {
  const Hierarchies host = parse(kV2Mounts, "0::/init.scope\n");
  EXPECT_EQ(host.mode, HostFacts::Cgroup::kV2);
  ASSERT_EQ(host.all.size(), 1u);
  // Somebody's own named hierarchy changes nothing.
  const Hierarchies named =
      parse(std::string(kV2Mounts) + "40 1 0:50 / /mnt/mine rw - cgroup cgroup rw,name=mine\n",
            "1:name=mine:/\n0::/init.scope\n");
  EXPECT_EQ(named.mode, HostFacts::Cgroup::kV2);
  EXPECT_EQ(named.all.size(), 1u);
}

TEST(CgroupHierarchy, NothingMountedIsNone) {
  EXPECT_EQ(parse("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "0::/\n").mode,
            HostFacts::Cgroup::kNone);
}

TEST(CgroupHierarchy, TheUsualPlaceIsPreferredAndTheFirstMountStands) {
  const char* mounts =
      "50 1 0:28 / /var/lib/rootfs/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
      "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
      "60 1 0:28 / /sys/fs/cgroup/again rw - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(parse(mounts, "0::/\n").all.at(0).mount_point, "/sys/fs/cgroup");
  EXPECT_EQ(
      parse("50 1 0:28 / /cg\\040roup rw - cgroup2 none rw\n", "0::/\n").all.at(0).mount_point,
      "/cg roup");
}

TEST(CgroupHierarchy, InANestedContainerTheMountedPartOfThePathIsLeftOut) {
  const Hierarchies host =
      parse("35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            "4:memory:/docker/abc/inner\n");
  EXPECT_EQ(host.all.at(0).own_directory(), "/sys/fs/cgroup/memory/inner");
  CgroupRecord record;
  place(record, host, "/x/c1");
  EXPECT_EQ(record.directories.at(0).directory, "/sys/fs/cgroup/memory/x/c1");
  EXPECT_EQ(record.path, "/docker/abc/x/c1");
}

TEST(CgroupPlace, AnAbsolutePathIsBelowEachRootAndARelativeOneBelowOurOwn) {
  const Hierarchies host = parse(kHybridMounts, kHybridOwn);
  CgroupRecord absolute;
  place(absolute, host, "/docker/c1");
  EXPECT_EQ(absolute.directories[0].directory, "/sys/fs/cgroup/memory/docker/c1");
  EXPECT_EQ(absolute.directories[3].directory, "/sys/fs/cgroup/unified/docker/c1");
  EXPECT_EQ(absolute.path, "/docker/c1");
  CgroupRecord relative;
  place(relative, host, "c1");
  EXPECT_EQ(relative.directories[0].directory, "/sys/fs/cgroup/memory/user.slice/c1");
  EXPECT_EQ(relative.directories[1].directory, "/sys/fs/cgroup/cpu,cpuacct/c1");
  EXPECT_EQ(relative.path, "/user.slice/x.scope/c1");
}

TEST(CgroupPlace, OnVersionTwoARelativePathIsBesideOurOwn) {
  CgroupRecord record;
  place(record, parse(kV2Mounts, "0::/user.slice/session-1.scope\n"), "c1");
  EXPECT_EQ(record.directories.at(0).directory, "/sys/fs/cgroup/user.slice/c1");
  CgroupRecord root;
  place(root, parse(kV2Mounts, "0::/\n"), "c1");
  EXPECT_EQ(root.directories.at(0).directory, "/sys/fs/cgroup/c1");
}

TEST(CgroupPlace, CleaningTwiceIsCleaningOnceAndNothingLeadsOut) {
  for (const char* asked : {"/a//b/", "a/./b", "x", "/docker/3f2a", "./c1"}) {
    const auto once = clean_path(asked);
    ASSERT_TRUE(once) << asked;
    EXPECT_EQ(clean_path(*once).value(), *once);
  }
  EXPECT_EQ(clean_path("/a//b/").value(), "/a/b");
  for (const char* asked : {"..", "/a/../b", "a/..", "/", "", ".", "/a\nb"})
    EXPECT_FALSE(clean_path(asked)) << asked;
  EXPECT_FALSE(clean_path(std::string(300, 'x')));
}

TEST(CgroupPlace, SlicesAreExpandedAsSystemdDoes) {
  EXPECT_EQ(expand_slice("system.slice").value(), "/system.slice");
  EXPECT_EQ(expand_slice("a-b-c.slice").value(), "/a.slice/a-b.slice/a-b-c.slice");
  EXPECT_EQ(expand_slice("-.slice").value(), "");
  for (const char* wrong :
       {".slice", "a", "-a.slice", "a--b.slice", "a-.slice", "a/b.slice", "../x.slice"})
    EXPECT_FALSE(expand_slice(wrong)) << wrong;
}

TEST(CgroupPlace, UnitsAreNamedAsRuncNamesThem) {
  const auto unit = parse_unit("machine.slice:libpod:3f", "id", "system.slice");
  ASSERT_TRUE(unit);
  EXPECT_EQ(unit->slice, "machine.slice");
  EXPECT_EQ(unit->name, "libpod-3f.scope");
  EXPECT_EQ(parse_unit(":docker:3f", "id", "system.slice")->slice, "system.slice");
  EXPECT_EQ(parse_unit("-:docker:3f", "id", "system.slice")->slice, "-.slice");
  EXPECT_EQ(parse_unit("a.slice::own.slice", "id", "system.slice")->name, "own.slice");
  EXPECT_EQ(parse_unit("", "id", "system.slice")->name, "holdfast-id.scope");
  for (const char* wrong : {"/docker/3f", "a:b", "a:b:c:d", "a.slice:b:", "a.slice:b:c/d"})
    EXPECT_FALSE(parse_unit(wrong, "id", "system.slice")) << wrong;
}

}  // namespace
}  // namespace holdfast::cgroup
