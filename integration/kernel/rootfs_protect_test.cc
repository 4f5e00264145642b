// Masks, read-only paths, the read-only root.
#include <dirent.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "integration/kernel/rootfs_support.h"

namespace holdfast {
namespace {

class RootfsProtect : public RootfsTest {};

size_t entries_of(const std::string& path) {
  auto directory = DirFd::open(path);
  EXPECT_TRUE(directory) << path;
  auto names = directory ? directory->list() : std::vector<std::string>{};
  return names ? names->size() : 999;
}

TEST_F(RootfsProtect, AMaskedFileIsTheNullDevice) {
  make_file("/secret", "top secret");
  Plan plan = container();
  add_usual_mounts(plan);
  plan.masked_paths = {"/secret",       "/proc/kcore",   "/proc/keys",   "/proc/timer_list",
                       "/proc/nothing", "/no/such/path", "/secret/below"};
  run(plan, [] {
    for (const char* path : {"/secret", "/proc/keys", "/proc/timer_list"}) {
      EXPECT_EQ(contents_of(path), "") << path;
      EXPECT_EQ(lstat_of(path).st_rdev, ::makedev(1, 3)) << path;
    }
    EXPECT_FALSE(exists("/no"));
    // What lies there is the host's node: it can be written to, and not be changed.
    EXPECT_EQ(write_errno("/secret"), 0);
    EXPECT_NE(::chmod("/secret", 0666), 0);  // the mode that it has: harmless if it works
    EXPECT_EQ(errno, EROFS);
  });
}

TEST_F(RootfsProtect, MaskedDirectoriesAreOneEmptyReadOnlyFileSystem) {
  make_directory("/a/b");
  make_directory("/c/d");
  make_file("/c/f", "x");
  Plan plan = container();
  add_usual_mounts(plan);
  plan.masked_paths = {"/a", "/c", "/c", "/proc/bus", "/sys/kernel"};
  run(plan, [] {
    for (const char* path : {"/a", "/c", "/proc/bus", "/sys/kernel"}) {
      EXPECT_EQ(entries_of(path), 0u) << path;
      EXPECT_EQ(write_errno(std::string(path) + "/x"), EROFS) << path;
      EXPECT_EQ(lstat_of(path).st_dev, lstat_of("/a").st_dev) << path;
      // Not by clearing the mount's flag alone: the file system itself is read-only and full.
      EXPECT_EQ(::mount("", path, "", MS_REMOUNT | MS_BIND, nullptr), 0);
      EXPECT_EQ(write_errno(std::string(path) + "/x"), EROFS) << path;
    }
  });
}

TEST_F(RootfsProtect, AMaskFollowsLinksInsideTheRootOnly) {
  make_file("/real", "top secret");
  make_link("/link", "../../real");
  make_link("/absolute", "/real");
  Plan plan = container();
  plan.masked_paths = {"/link", "/absolute"};
  run(plan, [] {
    EXPECT_EQ(contents_of("/real"), "");
    EXPECT_EQ(contents_of("/link"), "");
  });
}

TEST_F(RootfsProtect, TheRootCannotBeMasked) {
  make_link("/top", "/");
  Plan plan = container();
  plan.masked_paths = {"/"};
  expect_refusal(plan, "masked path /: the root cannot be masked");
  plan.masked_paths = {"/top"};
  expect_refusal(plan, "masked path /top: leads to the root");
}

TEST_F(RootfsProtect, AReadOnlyPathCoversTheMountsBelow) {
  make_directory("/data/sub");
  make_file("/file", "x");
  Plan plan = container();
  add_usual_mounts(plan);
  add_mount(plan, "/data/sub", "tmpfs", "tmpfs", {"nosuid"});
  plan.readonly_paths = {"/data", "/file", "/proc/sys", "/proc/irq", "/proc/nothing", "/gone"};
  run(plan, [] {
    EXPECT_EQ(write_errno("/data/x"), EROFS);
    EXPECT_EQ(write_errno("/data/sub/x"), EROFS);
    EXPECT_EQ(write_errno("/file"), EROFS);
    EXPECT_EQ(write_errno("/proc/sys/kernel/domainname"), EROFS);
    EXPECT_EQ(mount_options_of("/proc/sys"), "ro,nosuid,nodev,noexec,relatime");
    EXPECT_EQ(mount_options_of("/data/sub"), "ro,nosuid,relatime");
    EXPECT_EQ(write_errno("/elsewhere"), 0);
  });
}

TEST_F(RootfsProtect, AReadOnlyRootLeavesItsMountsWritable) {
  Plan plan = container();
  add_usual_mounts(plan);
  add_mount(plan, "/tmp", "tmpfs", "tmpfs", {});
  add_mount(plan, "/late", "tmpfs", "tmpfs", {"ro"});
  plan.readonly_rootfs = true;
  add_default_devices(plan);
  run(plan, [] {
    EXPECT_EQ(write_errno("/x"), EROFS);
    EXPECT_EQ(write_errno("/tmp/x"), 0);
    EXPECT_EQ(write_errno("/late/x"), EROFS);
    EXPECT_EQ(write_errno("/dev/null"), 0);
  });
}

TEST_F(RootfsProtect, AReadOnlyDevIsMadeSoAfterItsNodes) {
  Plan plan = container();
  add_mount(plan, "/dev", "tmpfs", "tmpfs", {"ro", "mode=755"});
  add_default_devices(plan);
  run(plan, [] {
    EXPECT_EQ(write_errno("/dev/x"), EROFS);
    EXPECT_EQ(write_errno("/dev/null"), 0);
    EXPECT_EQ(link_of("/dev/ptmx"), "pts/ptmx");
  });
}

// Kernel: what a file demands counts only where set-uid programs may be executed.
TEST_F(RootfsProtect, ANosuidPathTakesAFilesCapabilities) {
  make_file("/program", "x");
  make_file("/other", "x");
  make_link("/link", "/program");
  Plan plan = container();
  add_usual_mounts(plan);
  plan.nosuid_paths = {"/link", "/gone"};
  run(plan, [] {
    struct statfs seen = statfs_of("/program");
    EXPECT_TRUE(seen.f_flags & ST_NOSUID);
    EXPECT_FALSE(seen.f_flags & ST_RDONLY);
    EXPECT_FALSE(statfs_of("/other").f_flags & ST_NOSUID);
    EXPECT_EQ(write_errno("/program"), 0);
    EXPECT_FALSE(exists("/gone"));
  });
}

TEST_F(RootfsProtect, ANosuidPathOfAReadOnlyRootIsReadOnly) {
  make_file("/program", "x");
  Plan plan = container();
  add_usual_mounts(plan);
  plan.nosuid_paths = {"/program"};
  plan.readonly_rootfs = true;
  run(plan, [] {
    EXPECT_TRUE(statfs_of("/program").f_flags & ST_NOSUID);
    EXPECT_EQ(write_errno("/program"), EROFS);
  });
}

TEST_F(RootfsProtect, WithoutAMountNamespaceMasksAreRefused) {
  Plan plan = container();
  std::erase_if(plan.namespaces,
                [](const auto& each) { return each.type == oci::NamespaceType::kMount; });
  plan.masked_paths = {"/proc/keys"};
  expect_refusal(plan, "maskedPaths need a mount namespace");
}

}  // namespace
}  // namespace holdfast
