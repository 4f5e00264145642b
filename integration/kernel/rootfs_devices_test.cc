// /dev: nodes, links, the console.
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "integration/kernel/rootfs_support.h"

namespace holdfast {
namespace {

class RootfsDevices : public RootfsTest {
 protected:
  static oci::Device device(const std::string& path, const std::string& type, int major,
                            int minor) {
    oci::Device made;
    made.path = path;
    made.type = type;
    if (type != "p") {
      made.major = major;
      made.minor = minor;
    }
    return made;
  }
};

TEST_F(RootfsDevices, NodesHaveTheirTypeNumberModeAndOwner) {
  Plan plan = container();
  add_usual_mounts(plan);
  add_default_devices(plan);
  plan.devices.push_back(device("/dev/sub/dir/fuse", "u", 10, 229));
  plan.devices.push_back(device("/dev/disk", "b", 7, 3));
  plan.devices.back().file_mode = 0600;
  plan.devices.back().uid = 17;
  plan.devices.back().gid = 18;
  plan.devices.push_back(device("/run/pipe", "p", 0, 0));
  plan.devices.push_back(device("/dev/ptmx", "c", 5, 2));
  run(plan, [] {
    const struct stat null = lstat_of("/dev/null");
    EXPECT_TRUE(S_ISCHR(null.st_mode));
    EXPECT_EQ(null.st_rdev, ::makedev(1, 3));
    EXPECT_EQ(null.st_mode & 07777, 0666u);
    EXPECT_EQ(lstat_of("/dev/sub/dir/fuse").st_rdev, ::makedev(10, 229));
    const struct stat disk = lstat_of("/dev/disk");
    EXPECT_TRUE(S_ISBLK(disk.st_mode));
    EXPECT_EQ(disk.st_mode & 07777, 0600u);
    EXPECT_EQ(disk.st_uid, 17u);
    EXPECT_EQ(disk.st_gid, 18u);
    EXPECT_TRUE(S_ISFIFO(lstat_of("/run/pipe").st_mode));
    EXPECT_EQ(link_of("/dev/ptmx"), "pts/ptmx");
    EXPECT_EQ(link_of("/dev/fd"), "/proc/self/fd");
    EXPECT_EQ(link_of("/dev/stdin"), "/proc/self/fd/0");
    EXPECT_EQ(link_of("/dev/stdout"), "/proc/self/fd/1");
    EXPECT_EQ(link_of("/dev/stderr"), "/proc/self/fd/2");
  });
}

TEST_F(RootfsDevices, ADevBoundFromTheHostIsLeftAlone) {
  prepare_host = [&] {
    ASSERT_EQ(::mkdir((base() + "/hostdev").c_str(), 0755), 0);
    ASSERT_EQ(::mount("d", (base() + "/hostdev").c_str(), "tmpfs", 0, nullptr), 0);
  };
  Plan plan = container();
  add_mount(plan, "/dev", "", base() + "/hostdev", {"rbind"});
  add_default_devices(plan);
  run(plan, [] {
    EXPECT_FALSE(exists("/dev/null"));
    EXPECT_FALSE(exists("/dev/ptmx"));
  });
}

TEST_F(RootfsDevices, AnImagesFakeNullDeviceIsRefused) {
  make_directory("/dev");
  make_file("/dev/null", "all that is written here is kept");
  Plan plan = container();
  add_default_devices(plan);
  expect_refusal(plan, "device /dev/null: something else stands there");
}

TEST_F(RootfsDevices, AnImagesRealNodeIsAccepted) {
  make_directory("/dev");
  ASSERT_EQ(::mknod((rootfs() + "/dev/null").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);
  Plan plan = container();
  plan.devices.push_back(device("/dev/null", "c", 1, 3));
  run(plan, [] { EXPECT_EQ(write_errno("/dev/null"), 0); });
}

TEST_F(RootfsDevices, NonsenseIsRefused) {
  Plan plan = container();
  plan.devices.push_back(device("/dev/x", "c", 1, -1));
  expect_refusal(plan, "device /dev/x: device number 1:-1 is out of range");
  plan.devices = {device("/dev/x", "z", 1, 1)};
  expect_refusal(plan, "device /dev/x: device type \"z\" is unknown");
}

// A pseudo-terminal of the container's devpts, as the launcher opens it.
Fd open_peer(Rootfs& root) {
  auto devpts = root.open_devpts();
  EXPECT_TRUE(devpts) << (devpts ? "" : text(devpts.error()));
  if (!devpts) return {};
  const Fd master(::openat(devpts->get(), "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  int unlock = 0;
  EXPECT_EQ(::ioctl(master.get(), TIOCSPTLCK, &unlock), 0);
  Fd peer(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  EXPECT_TRUE(peer);
  // The master stays open for the rest of the child.
  EXPECT_GE(::dup(master.get()), 0);
  return peer;
}

TEST_F(RootfsDevices, TheConsoleIsTheTerminalByDescriptor) {
  Plan plan = container();
  add_usual_mounts(plan);
  add_default_devices(plan);
  before_pivot = [](Rootfs& root) { EXPECT_DONE(root.bind_console(open_peer(root))); };
  run(plan, [] {
    const struct stat console = lstat_of("/dev/console");
    EXPECT_TRUE(S_ISCHR(console.st_mode));
    EXPECT_EQ(::major(console.st_rdev), 136u);
    EXPECT_EQ(console.st_ino, lstat_of("/dev/pts/0").st_ino);
    const Fd fd(::open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_TRUE(fd && ::isatty(fd.get()));
  });
}

// CVE-2025-52565: the image's link decided what the terminal was bound over.
TEST_F(RootfsDevices, AConsoleThatIsALinkIsRefused) {
  Plan plan = container();
  make_directory("/dev");
  make_file("/victim", "x");
  make_link("/dev/console", "/victim");
  add_mount(plan, "/dev/pts", "devpts", "devpts", {"newinstance", "ptmxmode=0666"});
  before_pivot = [](Rootfs& root) {
    const auto done = root.bind_console(open_peer(root));
    ASSERT_FALSE(done);
    EXPECT_NE(text(done.error()).find("a link or directory stands there"), std::string::npos);
  };
  run(plan, [] { EXPECT_EQ(contents_of("/victim"), "x"); });
}

TEST_F(RootfsDevices, WhatIsNoTerminalIsNotBoundOnTheConsole) {
  Plan plan = container();
  add_usual_mounts(plan);
  before_pivot = [](Rootfs& root) {
    const Fd file(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    const auto done = root.bind_console(file);
    ASSERT_FALSE(done);
    EXPECT_NE(text(done.error()).find("not on a devpts"), std::string::npos);
  };
  run(plan, [] {});
}

}  // namespace
}  // namespace holdfast
