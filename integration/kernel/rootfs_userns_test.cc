// Mount trees in a user namespace, and id-mapped mounts.
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "integration/kernel/rootfs_support.h"

namespace holdfast {
namespace {

class RootfsUserns : public RootfsTest {
 protected:
  // Root of the container is 100000 of the host, who owns the tree.
  Plan user_container() {
    Plan plan = container();
    add_namespace(plan, oci::NamespaceType::kUser);
    plan.uid_mappings = {{0, 100000, 65536}};
    plan.gid_mappings = {{0, 100000, 65536}};
    EXPECT_EQ(::chown(rootfs().c_str(), 100000, 100000), 0);
    return plan;
  }
  // A tmpfs of the host with a file of `owner`, and one below it.
  void make_source(unsigned owner, unsigned long flags = 0) {
    prepare_host = [this, owner, flags] {
      const std::string source = base() + "/source";
      ASSERT_EQ(::mkdir(source.c_str(), 0755), 0);
      ASSERT_EQ(::mount("a", source.c_str(), "tmpfs", 0, "mode=755"), 0);
      ASSERT_EQ(::mkdir((source + "/below").c_str(), 0755), 0);
      ASSERT_EQ(::mount("b", (source + "/below").c_str(), "tmpfs", 0, "mode=755"), 0);
      for (const char* name : {"/f", "/below/f"}) {
        ASSERT_EQ(write_errno(source + name), 0);
        ASSERT_EQ(::chown((source + name).c_str(), owner, owner), 0);
      }
      if (flags == 0) return;
      ASSERT_EQ(::mount("", source.c_str(), "", MS_REMOUNT | MS_BIND | flags, nullptr), 0);
    };
  }
};

TEST_F(RootfsUserns, TheUsualTableStands) {
  Plan plan = user_container();
  add_usual_mounts(plan);
  add_default_devices(plan);
  plan.masked_paths = {"/proc/kcore", "/proc/keys", "/sys/firmware", "/proc/bus"};
  plan.readonly_paths = {"/proc/sys", "/proc/irq"};
  run(plan, [] {
    EXPECT_EQ(statfs_of("/proc").f_type, 0x9fa0);
    EXPECT_EQ(lstat_of("/").st_uid, 0u);
    EXPECT_EQ(lstat_of("/dev/null").st_rdev, ::makedev(1, 3));
    EXPECT_EQ(write_errno("/dev/null"), 0);
    EXPECT_EQ(contents_of("/proc/keys"), "");
    EXPECT_EQ(write_errno("/proc/sys/kernel/domainname"), EROFS);
    EXPECT_EQ(write_errno("/new"), 0);
    EXPECT_EQ(lstat_of("/new").st_uid, 0u);
  });
}

// The engine's directories need not be open to the container's root.
TEST_F(RootfsUserns, ARootBehindClosedDirectoriesWorks) {
  Plan plan = user_container();
  add_usual_mounts(plan);
  make_file("/hello", "x");
  ASSERT_EQ(::chmod(base().c_str(), 0700), 0);
  run(plan, [&] {
    EXPECT_EQ(contents_of("/hello"), "x");
    EXPECT_FALSE(exists("/etc/passwd"));
    EXPECT_EQ(::chdir("../../.."), 0);
    EXPECT_TRUE(exists("hello"));
  });
}

// Ids mapped one to one: the container's root owns the host's nodes.
TEST_F(RootfsUserns, TheHostsNodesCannotBeChanged) {
  Plan plan = user_container();
  plan.uid_mappings = {{0, 0, 65536}};
  plan.gid_mappings = {{0, 0, 65536}};
  ASSERT_EQ(::chown(rootfs().c_str(), 0, 0), 0);
  add_usual_mounts(plan);
  add_default_devices(plan);
  run(plan, [] {
    EXPECT_EQ(write_errno("/dev/null"), 0);
    EXPECT_NE(::chmod("/dev/null", 0666), 0);  // the mode that it has: harmless if it works
    EXPECT_EQ(errno, EROFS);
  });
}

// The host's node is bound, but only if it is the device that the plan names.
TEST_F(RootfsUserns, ADeviceThatIsAnotherOnTheHostIsRefused) {
  Plan plan = user_container();
  add_usual_mounts(plan);
  oci::Device device;
  device.path = "/dev/null";
  device.type = "c";
  device.major = 1;
  device.minor = 9;
  plan.devices = {device};
  expect_refusal(plan, "device /dev/null: the host's node is another device");
}

TEST_F(RootfsUserns, AnUnmappedGroupOfDevptsIsTold) {
  Plan plan = user_container();
  plan.gid_mappings = {{0, 100000, 1}};
  add_mount(plan, "/dev/pts", "devpts", "devpts", {"newinstance", "gid=5"});
  // Older kernels tell all options at once: "create with newinstance,gid=5: ".
  expect_refusal(plan, "gid=5: ");
}

TEST_F(RootfsUserns, SysfsWithoutAnOwnNetworkNamespaceIsRefusedWithAHint) {
  Plan plan = user_container();
  std::erase_if(plan.namespaces,
                [](const auto& each) { return each.type == oci::NamespaceType::kNetwork; });
  add_mount(plan, "/sys", "sysfs", "sysfs", {"ro"});
  expect_refusal(plan, "needs a network namespace of its own");
  plan.mounts.clear();
  add_mount(plan, "/sys", "", "/sys", {"rbind", "rro"});
  run(plan, [] { EXPECT_EQ(statfs_of("/sys").f_type, 0x62656572); });
}

TEST_F(RootfsUserns, AnIdMappedBindShowsTheMappedOwner) {
  make_source(1000);
  Plan plan = container();
  oci::Mount mount;
  mount.destination = "/m";
  mount.source = base() + "/source";
  mount.options = {"rbind"};
  mount.uid_mappings = {{1000, 2000, 1}};
  mount.gid_mappings = {{1000, 3000, 1}};
  for (const bool recursive : {false, true}) {
    if (recursive) mount.options.push_back("ridmap");
    auto parsed = parse_mount(mount);
    ASSERT_TRUE(parsed);
    plan.mounts = {*parsed};
    run(plan, [&] {
      EXPECT_EQ(lstat_of("/m/f").st_uid, 2000u);
      EXPECT_EQ(lstat_of("/m/f").st_gid, 3000u);
      EXPECT_EQ(lstat_of("/m/below/f").st_uid, recursive ? 2000u : 1000u);
    });
    ASSERT_EQ(::rmdir((base() + "/source").c_str()), 0);
  }
}

TEST_F(RootfsUserns, IdMapWithoutMappingsTakesTheContainersOwn) {
  make_source(0);
  Plan plan = user_container();
  add_mount(plan, "/m", "", base() + "/source", {"rbind", "idmap"});
  add_mount(plan, "/raw", "", base() + "/source", {"rbind"});
  run(plan, [] {
    EXPECT_EQ(lstat_of("/m/f").st_uid, 0u);
    EXPECT_EQ(lstat_of("/raw/f").st_uid, 65534u);
    EXPECT_EQ(write_errno("/m/new"), 0);
  });
  plan = container();
  add_mount(plan, "/m", "", base() + "/source", {"rbind", "idmap"});
  make_source(0);
  ASSERT_EQ(::rmdir((base() + "/source").c_str()), 0);
  expect_refusal(plan, "\"idmap\" without mappings needs a user namespace");
}

// What the host's mount forbids, the container's root may not allow itself.
TEST_F(RootfsUserns, TheHostsRestrictionsAreLocked) {
  make_source(100000, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
  Plan plan = user_container();
  add_mount(plan, "/proc", "proc", "proc", {});
  add_mount(plan, "/m", "", base() + "/source", {"rbind"});
  run(plan, [] {
    EXPECT_EQ(mount_options_of("/m"), "ro,nosuid,nodev,noexec,relatime");
    EXPECT_NE(
        ::mount("", "/m", "", MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr), 0);
    EXPECT_EQ(errno, EPERM);
    EXPECT_NE(::mount("", "/m", "", MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0);
    EXPECT_EQ(write_errno("/m/f"), EROFS);
  });
}

TEST_F(RootfsUserns, AnOptionAgainstALockedRestrictionIsRefused) {
  make_source(100000, MS_RDONLY | MS_NOEXEC);
  for (const char* option : {"rw", "exec", "noatime"}) {
    Plan plan = user_container();
    add_mount(plan, "/m", "", base() + "/source", {"rbind", option});
    expect_refusal(plan, "the host has locked attributes");
    ASSERT_EQ(::rmdir((base() + "/source").c_str()), 0);
  }
  Plan plan = user_container();
  add_mount(plan, "/proc", "proc", "proc", {});
  add_mount(plan, "/m", "", base() + "/source", {"rbind", "ro", "nosuid", "suid"});
  run(plan, [] { EXPECT_EQ(mount_options_of("/m"), "ro,noexec,relatime"); });
}

// The host's tree keeps its owners; the container sees them as its own.
TEST_F(RootfsUserns, ARootThatBelongsToTheHostsRootIsMapped) {
  make_source(0);
  Plan plan = user_container();
  ASSERT_EQ(::chown(rootfs().c_str(), 0, 0), 0);
  make_file("/closed", "x");
  ASSERT_EQ(::chmod((rootfs() + "/closed").c_str(), 0600), 0);
  make_file("/daemon", "x");
  ASSERT_EQ(::chown((rootfs() + "/daemon").c_str(), 33, 34), 0);
  plan.rootfs_idmap = MountIdMap{.uid_mappings = {}, .gid_mappings = {}, .recursive = true};
  add_usual_mounts(plan);
  add_default_devices(plan);
  add_mount(plan, "/m", "", base() + "/source", {"rbind", "ridmap"});
  run(plan, [] {
    EXPECT_EQ(lstat_of("/").st_uid, 0u);
    EXPECT_EQ(contents_of("/closed"), "x");
    EXPECT_EQ(lstat_of("/daemon").st_uid, 33u);
    EXPECT_EQ(lstat_of("/daemon").st_gid, 34u);
    EXPECT_EQ(lstat_of("/m/below/f").st_uid, 0u);
    EXPECT_EQ(write_errno("/new"), 0);
    EXPECT_EQ(write_errno("/m/new"), 0);
  });
  EXPECT_EQ(lstat_of(rootfs() + "/new").st_uid, 0u);
  EXPECT_EQ(lstat_of(rootfs()).st_uid, 0u);
}

TEST_F(RootfsUserns, ARootThatCannotBeMappedIsRefused) {
  Plan plan = user_container();
  prepare_host = [this] {
    const std::string other = base() + "/other";
    ASSERT_EQ(::mkdir(other.c_str(), 0755), 0);
    ASSERT_EQ(::mount("overlay", rootfs().c_str(), "overlay", 0,
                      ("lowerdir=" + rootfs() + ":" + other).c_str()),
              0);
  };
  plan.rootfs_idmap = MountIdMap{.uid_mappings = {}, .gid_mappings = {}, .recursive = true};
  expect_refusal(plan, "cannot be id-mapped");
}

// A bind that is not mapped gives its files to nobody inside, root of the container included.
TEST_F(RootfsUserns, WithoutAMappingTheHostsFilesAreOutOfReach) {
  make_source(0);
  Plan plan = user_container();
  const auto open_source = prepare_host;
  prepare_host = [this, open_source] {
    open_source();
    ASSERT_EQ(::chmod((base() + "/source/f").c_str(), 0600), 0);
  };
  add_mount(plan, "/m", "", base() + "/source", {"rbind"});
  run(plan, [] {
    EXPECT_EQ(lstat_of("/m/f").st_uid, 65534u);
    EXPECT_EQ(write_errno("/m/f"), EACCES);
    EXPECT_EQ(write_errno("/m/new"), EACCES);
    EXPECT_NE(::chmod("/m/f", 0666), 0);
    EXPECT_NE(::chown("/m/f", 0, 0), 0);
    EXPECT_NE(::unlink("/m/f"), 0);
  });
}

}  // namespace
}  // namespace holdfast
