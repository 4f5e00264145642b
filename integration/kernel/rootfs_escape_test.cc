// The image attacks while its mount tree is made: one test per defect that a runtime has shipped.
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/kernel/rootfs_support.h"

namespace holdfast {
namespace {

class RootfsEscape : public RootfsTest {
 protected:
  std::string outside() const { return base() + "/outside"; }
  void make_outside() const { ASSERT_EQ(::mkdir(outside().c_str(), 0777), 0); }
  // Nothing was made and nothing is mounted outside of the rootfs.
  void expect_outside_untouched() const {
    auto directory = DirFd::open(outside());
    ASSERT_TRUE(directory);
    auto names = directory->list();
    ASSERT_TRUE(names);
    EXPECT_EQ(names->size(), 0u) << join(*names, " ");
  }
};

// CVE-2019-16884, CVE-2019-19921: a link instead of /proc, so that labels are written into the
// image.
TEST_F(RootfsEscape, ProcSysAndDevMustBeRealDirectories) {
  make_directory("/fake");
  for (const char* name : {"/proc", "/sys", "/dev"}) make_link(name, "/fake");
  const std::pair<const char*, const char*> mounts[] = {
      {"/proc", "proc"}, {"/sys", "sysfs"}, {"/dev", "tmpfs"}, {"/proc/deep", "proc"}};
  for (const auto& [destination, type] : mounts) {
    Plan plan = container();
    add_mount(plan, destination, type, type, {});
    expect_refusal(plan, "must be an ordinary path without symbolic links");
  }
  Plan plan = container();
  add_mount(plan, "/proc", "", "/proc", {"rbind"});
  expect_refusal(plan, "must be an ordinary path without symbolic links");
  // The links, the nodes and the console want it, too.
  plan = container();
  expect_refusal(plan, "/dev must be an ordinary path without symbolic links");
}

// CVE-2021-30465, CVE-2024-45310: absolute and climbing links stay inside.
TEST_F(RootfsEscape, LinksInDestinationsAreResolvedInsideTheRoot) {
  make_outside();
  make_link("/absolute", outside());
  make_link("/climbing", "../../../../../../../../.." + outside());
  make_file("/src", "x");
  // First they dangle inside, then they do not.
  for (const bool exists_inside : {false, true}) {
    if (exists_inside) make_directory(outside() + "/more");
    Plan plan = container();
    add_mount(plan, "/absolute/d", "tmpfs", "tmpfs", {});
    add_mount(plan, "/climbing/e", "", rootfs() + "/src", {"bind"});
    run(plan, [&] {
      EXPECT_EQ(statfs_of(outside() + "/d").f_type, 0x01021994);
      EXPECT_EQ(contents_of(outside() + "/e"), "x");
    });
    expect_outside_untouched();
  }
}

// An image's resolv.conf is a link to what a service would have made.
TEST_F(RootfsEscape, ADanglingLinkIsMadeInsideTheRoot) {
  make_directory("/etc");
  make_directory("/real");
  make_link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
  make_link("/alias", "real");
  make_link("/real/up", "../made/here");
  make_link("/loop", "loop2");
  make_link("/loop2", "loop");
  make_file("/src", "x");
  Plan plan = container();
  add_mount(plan, "/etc/resolv.conf", "", rootfs() + "/src", {"bind"});
  add_mount(plan, "/alias/up/deep", "tmpfs", "tmpfs", {});
  run(plan, [] {
    EXPECT_EQ(contents_of("/etc/resolv.conf"), "x");
    EXPECT_EQ(link_of("/etc/resolv.conf"), "../run/systemd/resolve/stub-resolv.conf");
    EXPECT_EQ(statfs_of("/made/here/deep").f_type, 0x01021994);
  });
  plan = container();
  add_mount(plan, "/loop/x", "tmpfs", "tmpfs", {});
  expect_refusal(plan, "too many levels of symbolic links");
}

TEST_F(RootfsEscape, DevicesAreMadeInsideTheRootOnly) {
  make_outside();
  make_link("/link", outside());
  make_directory("/dev");
  make_link("/dev/link", outside());
  for (const char* path : {"/link/null", "/dev/link/null"}) {
    Plan plan = container();
    oci::Device device;
    device.path = path;
    device.type = "c";
    device.major = 1;
    device.minor = 3;
    plan.devices.push_back(device);
    expect_refusal(plan, std::string("device ") + path + ": ");
  }
  expect_outside_untouched();
}

TEST_F(RootfsEscape, MagicLinksAreNotFollowed) {
  make_link("/x", "/proc/self/root/tmp");
  make_link("/y", "/proc/self/cwd");
  for (const char* destination : {"/x", "/y"}) {
    Plan plan = container();
    add_mount(plan, "/proc", "proc", "proc", {});
    add_mount(plan, destination, "tmpfs", "tmpfs", {});
    expect_refusal(plan, "too many levels of symbolic links");
  }
}

TEST_F(RootfsEscape, ALinkToTheRootIsNoDestination) {
  make_link("/top", "/");
  Plan plan = container();
  add_mount(plan, "/top", "tmpfs", "tmpfs", {});
  expect_refusal(plan, "mount /top: the destination leads to the root");
}

// CVE-2019-16884 and its successors: what covers parts of /proc decides where labels are written.
TEST_F(RootfsEscape, NothingButKnownFilesCoversProc) {
  make_directory("/empty");
  make_file("/f", "covered");
  make_link("/attr", "/proc/self/attr");
  make_link("/p", "/proc");
  struct Case {
    const char *destination, *type, *source;
  };
  const Case refused[] = {
      {"/proc/self/attr", "", "/empty"}, {"/proc/sys", "tmpfs", ""}, {"/attr", "tmpfs", ""},
      {"/attr", "", "/empty"},           {"/p", "tmpfs", ""},        {"/proc", "tmpfs", ""},
      {"/proc", "", "/empty"},           {"/p/sys", "", "/empty"},   {"/proc/self/exe", "", "/f"},
      {"/proc/sysrq-trigger", "", "/f"}};
  for (const bool proc_first : {true, false}) {
    for (const Case& each : refused) {
      // Before there is a procfs the links above lead nowhere.
      const std::string_view destination = each.destination;
      if (!proc_first && !destination.starts_with("/proc")) continue;
      Plan plan = container();
      if (proc_first) add_mount(plan, "/proc", "proc", "proc", {});
      const bool bind = *each.type == '\0';
      add_mount(plan, each.destination, each.type, bind ? rootfs() + each.source : "none",
                bind ? std::vector<std::string>{"bind"} : std::vector<std::string>{});
      expect_refusal(plan, fmt::format("mount {}: ", destination));
    }
  }
  Plan plan = container();
  add_mount(plan, "/proc", "proc", "proc", {});
  for (const char* name : {"/proc/cpuinfo", "/proc/meminfo", "/proc/uptime", "/proc/net/dev"})
    add_mount(plan, name, "", rootfs() + "/f", {"bind"});
  run(plan, [] {
    EXPECT_EQ(contents_of("/proc/cpuinfo"), "covered");
    EXPECT_EQ(contents_of("/proc/meminfo"), "covered");
  });
}

TEST_F(RootfsEscape, ARealProcfsMayBeBoundOnProcAndAFakeOneNot) {
  Plan plan = container();
  add_mount(plan, "/proc", "", "/proc", {"rbind"});
  run(plan, [] { EXPECT_EQ(statfs_of("/proc").f_type, 0x9fa0); });
  plan = container();
  add_mount(plan, "/proc", "", "/proc/self", {"bind"});
  expect_refusal(plan, "only a procfs may cover /proc");
}

// CVE-2025-31133: the image's own /dev/null was laid over the masked paths.
TEST_F(RootfsEscape, MasksAreTheHostsNullDevice) {
  make_directory("/dev");
  ASSERT_EQ(::mknod((rootfs() + "/dev/null").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);
  make_file("/secret", "top secret");
  make_file("/loot", "");
  Plan plan = container();
  plan.masked_paths = {"/secret"};
  // After the nodes were made, and before the masks, the image swaps it.
  before_pivot = [&](Rootfs&) {
    ASSERT_EQ(::unlink((rootfs() + "/dev/null").c_str()), 0);
    ASSERT_EQ(::symlink("/loot", (rootfs() + "/dev/null").c_str()), 0);
  };
  // The standard streams would be reopened through the link: they may not.
  const Fd zero(::open("/dev/zero", O_RDWR | O_CLOEXEC));
  prepare_host = [&] {
    for (int stream = 0; stream < 3; ++stream) {
      struct stat info {};
      const bool null = ::fstat(stream, &info) == 0 && info.st_rdev == ::makedev(1, 3);
      ASSERT_TRUE(!null || ::dup2(zero.get(), stream) == stream);
    }
  };
  run(plan, [] {
    EXPECT_EQ(lstat_of("/secret").st_rdev, ::makedev(1, 3));
    EXPECT_EQ(contents_of("/secret"), "");
  });
}

TEST_F(RootfsEscape, AHostsNullDeviceThatIsNoneIsRefused) {
  make_file("/secret", "top secret");
  Plan plan = container();
  plan.masked_paths = {"/secret"};
  prepare_host = [&] {
    ASSERT_EQ(::mount((rootfs() + "/secret").c_str(), "/dev/null", "", MS_BIND, nullptr), 0);
  };
  expect_refusal(plan, "the host's /dev/null is not the null device");
}

// A container that shares the tree renames /proc away between its mount and the masks.
TEST_F(RootfsEscape, AProcThatWasMovedAwayIsNoticed) {
  make_directory("/proc");
  Plan plan = container();
  add_mount(plan, "/proc", "proc", "proc", {});
  plan.masked_paths = {"/proc/keys"};
  // In another mount namespace nothing is mounted there, so that it can be renamed.
  prepare_host = [&] {
    const pid_t attacker = ::fork();
    if (attacker != 0) return;
    // Until the container's marker appears.
    for (int i = 0; i < 5000 && ::access((rootfs() + "/go").c_str(), F_OK) != 0; ++i)
      ::usleep(1000);
    const bool moved = ::rename((rootfs() + "/proc").c_str(), (rootfs() + "/away").c_str()) == 0;
    if (::mkdir((rootfs() + "/proc").c_str(), 0755) == 0 && moved)
      ::close(::open((rootfs() + "/done").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    ::_exit(0);
  };
  before_pivot = [&](Rootfs&) {
    ASSERT_EQ(write_errno(rootfs() + "/go"), 0);
    for (int i = 0; i < 5000 && !exists(rootfs() + "/done"); ++i) ::usleep(1000);
    ASSERT_TRUE(exists(rootfs() + "/done"));
  };
  expect_refusal(plan, "/proc was replaced");
}

// The symbolic link race: a directory of the destination becomes a link to the outside, again and
// again.
TEST_F(RootfsEscape, ARacingLinkNeverLeadsOutside) {
  make_outside();
  make_directory("/flip");
  make_link("/evil", "../../../../../../../../.." + outside());
  const pid_t racer = ::fork();
  if (racer == 0) {
    const Fd root(::open(rootfs().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    while (true)
      ::syscall(SYS_renameat2, root.get(), "flip", root.get(), "evil", 2 /* RENAME_EXCHANGE */);
  }
  auto root = DirFd::open(rootfs(), O_PATH);
  ASSERT_TRUE(root);
  int made = 0;
  for (int i = 0; i < 600; ++i) {
    const RootPath path(fmt::format("/flip/{}/d", i));
    const auto target = open_target(*root, path, i % 2 ? TargetKind::kFile : TargetKind::kDirectory,
                                    Links::kFollow);
    if (target) ++made;
  }
  ::kill(racer, SIGKILL);
  ::waitpid(racer, nullptr, 0);
  EXPECT_GT(made, 0);
  EXPECT_LT(made, 600) << "the race was never lost: nothing was tested";
  expect_outside_untouched();
}

}  // namespace
}  // namespace holdfast
