#include "sandbox/kernel/mount_table.h"

#include <gtest/gtest.h>
#include <linux/mount.h>

namespace holdfast {
namespace {

constexpr std::string_view kContainer =
    "900 880 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/l\n"
    "901 900 0:51 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n"
    "902 900 0:52 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755\n"
    "903 902 0:53 / /dev/pts rw,nosuid,noexec,relatime shared:3 master:1 - devpts devpts rw,gid=5\n"
    "904 900 0:54 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro\n"
    "905 901 0:51 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw\n"
    "906 901 0:6 /null /proc/kcore rw,nosuid - devtmpfs udev rw\n"
    "907 901 0:55 / /proc/acpi ro,nosuid,nodev,noexec - tmpfs tmpfs ro,size=4k\n"
    "908 900 0:56 / /with\\040blank rw,nosymfollow,idmapped - tmpfs - rw\n";

MountTable table(std::string_view text = kContainer) {
  auto parsed = MountTable::parse(std::string(text));
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? std::move(*parsed) : MountTable();
}

TEST(MountTable, APathLeadsToTheMountThatShowsIt) {
  const MountTable mounts = table();
  const auto point = [&](std::string_view path) { return mounts.at(path)->point; };
  EXPECT_EQ(point("/"), "/");
  EXPECT_EQ(point("/etc/hosts"), "/");
  EXPECT_EQ(point("/proc"), "/proc");
  EXPECT_EQ(point("/proc/sys/kernel/hostname"), "/proc/sys");
  EXPECT_EQ(point("/proc/system"), "/proc");
  EXPECT_EQ(point("/dev/pts/0"), "/dev/pts");
  EXPECT_EQ(point("/with blank/x"), "/with blank");
}

TEST(MountTable, EntriesHaveFlagsTypesAndDevices) {
  const MountTable mounts = table();
  EXPECT_EQ(mounts.at("/proc")->flags,
            uint64_t{MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC});
  EXPECT_TRUE(mounts.at("/proc/sys")->read_only());
  EXPECT_FALSE(mounts.at("/proc/kcore")->read_only());
  EXPECT_EQ(mounts.at("/proc/kcore")->root, "/null");
  EXPECT_EQ(mounts.at("/proc/kcore")->type, "devtmpfs");
  EXPECT_EQ(mounts.at("/proc/kcore")->minor, 6u);
  EXPECT_EQ(mounts.at("/dev/pts")->type, "devpts");
  EXPECT_EQ(mounts.at("/with blank")->flags, uint64_t{MOUNT_ATTR_NOSYMFOLLOW | MOUNT_ATTR_IDMAP});
  EXPECT_EQ(mounts.find(907)->point, "/proc/acpi");
  EXPECT_EQ(mounts.find(1), nullptr);
}

TEST(MountTable, AFileSystemThatIsReadOnlyMakesItsMountsSo) {
  EXPECT_TRUE(table("1 0 0:1 / / rw - tmpfs tmpfs ro\n").at("/")->read_only());
}

TEST(MountTable, OfMountsAtOnePlaceTheUppermostIsSeen) {
  const MountTable mounts = table(
      "10 1 0:1 / / rw - tmpfs a rw\n"
      "12 11 0:3 / /x ro - tmpfs c rw\n"
      "11 10 0:2 / /x rw - tmpfs b rw\n");
  EXPECT_EQ(mounts.at("/x/y")->id, 12u);
}

TEST(MountTable, WhatIsCoveredIsNotSeen) {
  const MountTable mounts = table(
      "10 1 0:1 / / rw - tmpfs a rw\n"
      "11 10 0:2 / /a/b ro - tmpfs b rw\n"
      "12 10 0:3 / /a rw - tmpfs c rw\n");
  EXPECT_EQ(mounts.at("/a/b")->id, 12u);
}

TEST(MountTable, ARootMountedOverTheRootIsSeen) {
  EXPECT_EQ(table("10 1 0:1 / / rw - rootfs a rw\n"
                  "11 10 0:2 / / rw - ext4 b rw\n"
                  "12 11 0:3 / /a rw - tmpfs c rw\n")
                .at("/a")
                ->id,
            12u);
}

TEST(MountTable, WhatIsNoMountinfoIsAnError) {
  for (const std::string_view text :
       {"", "x", "1 2 3 / / rw - t s o", "1 2 0:1 / relative rw - t s o", "1 2 0:1 / / rw",
        "1 2 0:1 / /not-a-root rw - t s o"})
    EXPECT_FALSE(MountTable::parse(std::string(text))) << text;
}

}  // namespace
}  // namespace holdfast
