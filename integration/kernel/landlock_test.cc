// A Landlock domain inside a finished container root, as init makes and enters it.
#include "sandbox/kernel/landlock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "integration/kernel/rootfs_support.h"
#include "profiles/policy/landlock.h"
#include "sandbox/kernel/probe.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

int32_t landlock_abi() {
  const auto facts = probe_host();
  return facts ? facts->landlock_abi : 0;
}

// Why an empty file that everybody may execute cannot be: ENOEXEC where only its emptiness is wrong.
int execution_errno(const std::string& path) {
  {
    const Fd made(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
    if (!made) return errno;
  }
  char name[] = "x";
  char* const argv[] = {name, nullptr};
  ::execv(path.c_str(), argv);
  return errno;
}

int errno_of(long result) { return result < 0 ? errno : 0; }

int ioctl_errno(const std::string& path) {
  const Fd device(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!device) return errno;
  termios settings{};
  return errno_of(::ioctl(device.get(), TCGETS, &settings));
}

int bind_errno(uint16_t port) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  return errno_of(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
}

int connect_errno(uint16_t port) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return errno_of(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
}

class LandlockKernel : public RootfsTest {
 protected:
  void SetUp() override {
    RootfsTest::SetUp();
    abi_ = landlock_abi();
    if (abi_ < kLandlockRefer) GTEST_SKIP() << "this kernel has Landlock " << abi_;
    make_directory("/bin");
    make_directory("/data");
    make_directory("/tmp");
  }
  Plan container_plan() const {
    Plan plan = container();
    add_usual_mounts(plan);
    add_default_devices(plan);
    return plan;
  }
  LandlockPlan rules(const Plan& plan, const LandlockRules& given = {}) const {
    return landlock_domain(plan, given, {{"bin", "data", "tmp"}}, abi_);
  }
  // As a process with no_new_privs in the finished container.
  static Result<> enter(const LandlockPlan& plan, bool no_new_privileges = true) {
    HF_TRY(const DirFd root, DirFd::open("/", O_PATH));
    HF_TRY(LandlockDomain domain, LandlockDomain::make(plan, root));
    if (no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
      return os_error("set no_new_privs");
    return domain.enter();
  }

  int32_t abi_ = 0;
};

TEST_F(LandlockKernel, ProgramsRunFromTheImageAndNowhereElse) {
  const Plan plan = container_plan();
  const LandlockPlan domain = rules(plan);
  run(plan, [&] {
    ASSERT_DONE(enter(domain));
    EXPECT_EQ(execution_errno("/bin/x"), ENOEXEC);
    EXPECT_EQ(execution_errno("/tmp/x"), ENOEXEC);
    EXPECT_EQ(execution_errno("/dev/x"), EACCES);
    EXPECT_EQ(execution_errno("/x"), EACCES);
    ASSERT_EQ(::mkdir("/later", 0755), 0);
    EXPECT_EQ(execution_errno("/later/x"), EACCES);
    // Children are in it, too.
    const pid_t child = ::fork();
    if (child == 0) ::_exit(execution_errno("/dev/x") == EACCES ? 0 : 1);
    int status = 1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  });
}

TEST_F(LandlockKernel, TheMountTreeIsFrozenForRootToo) {
  const Plan plan = container_plan();
  const LandlockPlan domain = rules(plan);
  run(plan, [&] {
    ASSERT_EQ(::mount("t", "/data", "tmpfs", 0, nullptr), 0);
    ASSERT_DONE(enter(domain));
    EXPECT_EQ(errno_of(::mount("t", "/tmp", "tmpfs", 0, nullptr)), EPERM);
    EXPECT_EQ(errno_of(::mount(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND, nullptr)),
              EPERM);
    EXPECT_EQ(errno_of(::umount2("/data", MNT_DETACH)), EPERM);
    EXPECT_EQ(errno_of(::mount("/bin", "/tmp", nullptr, MS_BIND, nullptr)), EPERM);
    const Fd tree(static_cast<int>(
        ::syscall(SYS_open_tree, AT_FDCWD, "/data", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
    EXPECT_EQ(errno_of(::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, "/tmp",
                                 MOVE_MOUNT_F_EMPTY_PATH)),
              EPERM);
    // A user namespace of its own does not help.
    ASSERT_EQ(::unshare(CLONE_NEWUSER | CLONE_NEWNS), 0);
    EXPECT_EQ(errno_of(::mount("t", "/tmp", "tmpfs", 0, nullptr)), EPERM);
  });
}

TEST_F(LandlockKernel, FilesMoveBetweenDirectoriesButNotTowardsMoreRights) {
  const Plan plan = container_plan();
  const LandlockPlan domain = rules(plan);
  run(plan, [&] {
    ASSERT_DONE(enter(domain));
    ASSERT_EQ(write_errno("/tmp/a"), 0);
    EXPECT_EQ(errno_of(::rename("/tmp/a", "/data/a")), 0);
    EXPECT_EQ(errno_of(::link("/data/a", "/bin/a")), 0);
    ASSERT_EQ(write_errno("/b"), 0);
    EXPECT_EQ(errno_of(::rename("/b", "/bin/b")), EXDEV);
  });
}

TEST_F(LandlockKernel, NoDeviceNodesAreMade) {
  const Plan plan = container_plan();
  const LandlockPlan domain = rules(plan);
  run(plan, [&] {
    ASSERT_DONE(enter(domain));
    EXPECT_EQ(errno_of(::mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3))), EACCES);
    EXPECT_EQ(errno_of(::mknod("/tmp/disk", S_IFBLK | 0600, 0)), EACCES);
    EXPECT_EQ(errno_of(::mknod("/tmp/fifo", S_IFIFO | 0600, 0)), 0);
  });
}

// A whiteout has a device node's type and no device. Which right mknod(2) of one takes depends on the
// kernel; renameat2(2) makes them in any case, for everybody.
TEST_F(LandlockKernel, AWhiteoutOpensNothing) {
  const Plan plan = container_plan();
  const LandlockPlan domain = rules(plan);
  run(plan, [&] {
    ASSERT_DONE(enter(domain));
    ASSERT_EQ(write_errno("/tmp/a"), 0);
    ASSERT_EQ(errno_of(::renameat2(AT_FDCWD, "/tmp/a", AT_FDCWD, "/tmp/b", RENAME_WHITEOUT)), 0);
    ASSERT_TRUE(S_ISCHR(lstat_of("/tmp/a").st_mode));
    EXPECT_EQ(lstat_of("/tmp/a").st_rdev, makedev(0, 0));
    EXPECT_EQ(errno_of(::open("/tmp/a", O_RDONLY | O_CLOEXEC)), ENXIO);
  });
}

TEST_F(LandlockKernel, IoctlReachesTheContainersDevicesOnly) {
  if (abi_ < kLandlockIoctl) GTEST_SKIP() << "this kernel has Landlock " << abi_;
  const Plan plan = container_plan();
  LandlockPlan domain = rules(plan);
  run(plan, [&] {
    ASSERT_EQ(::mknod("/tmp/null", S_IFCHR | 0666, 0x103), 0);
    EXPECT_EQ(ioctl_errno("/tmp/null"), ENOTTY);
    ASSERT_DONE(enter(domain));
    EXPECT_EQ(ioctl_errno("/dev/null"), ENOTTY);
    EXPECT_EQ(ioctl_errno("/dev/ptmx"), 0);
    EXPECT_EQ(ioctl_errno("/tmp/null"), EACCES);
  });
}

TEST_F(LandlockKernel, AReadOnlyRootHasASecondLayer) {
  Plan plan = container_plan();
  plan.readonly_rootfs = true;
  add_mount(plan, "/data", "tmpfs", "tmpfs", {"nosuid"});
  LandlockPlan domain = rules(plan);
  plan.readonly_rootfs = false;  // so that only the domain is in the way
  run(plan, [&] {
    ASSERT_DONE(enter(domain));
    EXPECT_EQ(write_errno("/tmp/x"), EACCES);
    EXPECT_EQ(errno_of(::mkdir("/tmp/d", 0755)), EACCES);
    EXPECT_EQ(errno_of(::mknod("/tmp/whiteout", S_IFCHR | 0600, 0)), EACCES);
    EXPECT_EQ(errno_of(::symlink("x", "/bin/l")), EACCES);
    EXPECT_EQ(errno_of(::truncate("/etc/hosts", 0)), exists("/etc/hosts") ? EACCES : ENOENT);
    EXPECT_EQ(write_errno("/proc/sys/kernel/hostname"), EACCES);
    EXPECT_EQ(write_errno("/proc/self/comm"), EACCES);
    EXPECT_EQ(write_errno("/data/x"), 0);
    EXPECT_EQ(errno_of(::unlink("/data/x")), 0);
    EXPECT_EQ(write_errno("/dev/null"), 0);
    EXPECT_EQ(write_errno("/dev/shm/x"), 0);
  });
}

TEST_F(LandlockKernel, TheStandardStreamsMayBeOpenedAgain) {
  Plan plan = container_plan();
  plan.readonly_rootfs = true;
  const LandlockPlan domain = rules(plan);
  plan.readonly_rootfs = false;
  // A log of the host's, outside of every mount of the container.
  char log[] = "/tmp/holdfast-landlock-XXXXXX";
  const Fd file(::mkostemp(log, O_CLOEXEC));
  ASSERT_TRUE(file);
  ASSERT_EQ(::unlink(log), 0);
  run(plan, [&] {
    const Fd saved(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    ASSERT_EQ(::dup2(file.get(), STDOUT_FILENO), STDOUT_FILENO);
    const auto entered = enter(domain);
    const int allowed = errno_of(::open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_CLOEXEC));
    ::dup2(saved.get(), STDOUT_FILENO);
    EXPECT_DONE(entered);
    EXPECT_EQ(allowed, 0);
    const Fd other(::open("/bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(errno_of(::openat(other.get(), "x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), EACCES);
  });
}

TEST_F(LandlockKernel, OnlyTheNamedPortsAreBoundAndReached) {
  if (abi_ < kLandlockTcp) GTEST_SKIP() << "this kernel has Landlock " << abi_;
  const Plan plan = container_plan();
  const LandlockPlan domain = rules(
      plan, {.writable = {}, .executable = {}, .bind_tcp = {{8080}}, .connect_tcp = {{5432}}});
  run(plan, [&] {
    ASSERT_DONE(enter(domain));
    EXPECT_EQ(bind_errno(8080), 0);
    EXPECT_EQ(bind_errno(8081), EACCES);
    EXPECT_NE(connect_errno(5432), EACCES);
    EXPECT_EQ(connect_errno(5433), EACCES);
  });
}

TEST_F(LandlockKernel, ItTakesNoNewPrivilegesOrTheRight) {
  const Plan plan = container_plan();
  const LandlockPlan domain = rules(plan);
  run(plan, [&] { EXPECT_DONE(enter(domain, false)); });
  run(plan, [&] {
    const DirFd root = *DirFd::open("/", O_PATH);
    auto made = LandlockDomain::make(domain, root);
    ASSERT_TRUE(made) << text(made.error());
    ASSERT_DONE(set_capabilities({}));
    const auto entered = made->enter();
    ASSERT_FALSE(entered);
    EXPECT_EQ(text(entered.error()), "enter the domain: operation not permitted");
  });
}

TEST_F(LandlockKernel, ADomainThatDoesNotDenyIsNoticed) {
  const Plan plan = container_plan();
  LandlockPlan domain = rules(plan);
  domain.handled_fs = LANDLOCK_ACCESS_FS_MAKE_CHAR;
  domain.grants.clear();
  run(plan, [&] {
    const auto entered = enter(domain);
    ASSERT_FALSE(entered);
    EXPECT_TRUE(text(entered.error()).starts_with("the domain does not deny what it should"))
        << text(entered.error());
  });
}

TEST_F(LandlockKernel, ItIsProvenWithoutADevOfMemory) {
  Plan plan = container();
  add_mount(plan, "/proc", "proc", "proc", {"nosuid", "noexec", "nodev"});
  const LandlockPlan domain = rules(plan);
  run(plan, [&] {
    ASSERT_DONE(enter(domain));
    EXPECT_EQ(execution_errno("/bin/x"), ENOEXEC);
    EXPECT_EQ(execution_errno("/x"), EACCES);
  });
}

TEST_F(LandlockKernel, ItIsProvenForAnyUserAndInANoexecDev) {
  Plan plan = container();
  add_mount(plan, "/proc", "proc", "proc", {"nosuid", "noexec", "nodev"});
  add_mount(plan, "/dev", "tmpfs", "tmpfs", {"nosuid", "noexec", "mode=755"});
  const LandlockPlan domain = rules(plan);
  run(plan, [&] {
    const DirFd root = *DirFd::open("/", O_PATH);
    auto made = LandlockDomain::make(domain, root);
    ASSERT_TRUE(made) << text(made.error());
    ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_DONE(set_user({.uid = 1000, .gid = 1000, .umask = {}, .additional_gids = {}}, false));
    EXPECT_DONE(made->enter());
  });
}

TEST_F(LandlockKernel, GrantsLeadThroughLinksInsideTheRootAndMissingOnesNowhere) {
  const Plan plan = container_plan();
  make_link("/alias", "/bin");
  make_link("/out", "../../../../../etc");
  LandlockPlan domain = rules(plan);
  domain.grants = {{LANDLOCK_ACCESS_FS_EXECUTE, {"/alias", "/out", "/missing", "/missing/below"}},
                   {LANDLOCK_ACCESS_FS_REFER, {"/"}}};
  run(plan, [&] {
    ASSERT_DONE(enter(domain));
    EXPECT_EQ(execution_errno("/bin/x"), ENOEXEC);
    EXPECT_EQ(execution_errno("/data/x"), EACCES);
  });
}

}  // namespace
}  // namespace holdfast
