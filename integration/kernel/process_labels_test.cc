// Files of procfs: labels and sysctls go to the real one or nowhere.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdlib>

#include "integration/kernel/process_support.h"
#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

using testing_support::check;
using testing_support::in_child;
using testing_support::same;

// A directory that looks like /proc/<pid>/attr and sys/net, on a file system that is not procfs.
Result<DirFd> fake_procfs() {
  char where[] = "/tmp/holdfast-fake-proc-XXXXXX";
  if (!::mkdtemp(where)) return os_error("mkdtemp");
  if (::unshare(CLONE_NEWNS) != 0) return os_error("unshare");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return os_error("private");
  if (::mount("fake", where, "tmpfs", 0, nullptr) != 0) return os_error("mount");
  HF_TRY(DirFd fake, DirFd::open(where, O_PATH));
  if (::umount2(where, MNT_DETACH) != 0 || ::rmdir(where) != 0) return os_error("umount");
  const std::string pid = fmt::format("{}", ::getpid());
  for (const auto& directory :
       {pid, pid + "/attr", pid + "/attr/apparmor", std::string("sys"), std::string("sys/net")})
    HF_DO(fake.mkdir(directory, 0755));
  for (const auto& file : {pid + "/attr/exec", pid + "/attr/apparmor/exec", pid + "/attr/keycreate",
                           pid + "/oom_score_adj", std::string("sys/net/somaxconn")})
    HF_DO(fake.create(file, "", 0666));
  return fake;
}

TEST(ProcFile, AFakeProcfsIsRefusedByEveryWriter) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_TRY(const DirFd fake, fake_procfs());
              const std::string pid = fmt::format("{}", ::getpid());
              HF_DO(same(set_apparmor_on_exec(fake, "p").error().message,
                         "apparmor profile p: `/proc/thread-self/attr/apparmor/exec`: open " + pid +
                             "/attr/apparmor/exec: not a file of procfs",
                         "apparmor"));
              HF_DO(same(set_selinux_on_exec(fake, "l").error().message,
                         "selinux label l: `/proc/thread-self/attr/exec`: open " + pid +
                             "/attr/exec: not a file of procfs",
                         "selinux"));
              HF_DO(same(set_oom_score(fake, 1).error().message,
                         "open " + pid + "/oom_score_adj: not a file of procfs", "oom"));
              HF_DO(same(set_sysctl(fake, "net.somaxconn", "1").error().message,
                         "set sysctl net.somaxconn: open sys/net/somaxconn: not a file of procfs",
                         "sysctl"));
              // Nothing was written before it was noticed.
              HF_TRY(const std::string written, fake.read(pid + "/attr/exec"));
              return same(written, "", "written");
            }),
            "");
}

TEST(ProcFile, AFileMountedOverAnAttributeIsRefused) {
  EXPECT_EQ(
      in_child([]() -> Result<> {
        if (::unshare(CLONE_NEWNS) != 0) return os_error("unshare");
        if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
          return os_error("private");
        // Another procfs file: the magic alone would not notice (CVE-2019-19921).
        const std::string target = fmt::format("/proc/{}/attr/exec", ::getpid());
        if (::mount("/proc/sys/kernel/domainname", target.c_str(), nullptr, MS_BIND, nullptr) != 0)
          return os_error("bind");
        HF_TRY(const DirFd procfs, host_procfs());
        return same(set_selinux_on_exec(procfs, "l").error().code, EXDEV, "errno");
      }),
      "");
}

TEST(ProcFile, LinksAreNotFollowed) {
  const auto procfs = host_procfs();
  ASSERT_TRUE(procfs) << procfs.error().message;
  EXPECT_FALSE(open_proc(*procfs, "self/status", O_RDONLY));
  EXPECT_FALSE(open_proc(*procfs, "../etc/passwd", O_RDONLY));
  EXPECT_FALSE(open_proc(*procfs, own_proc_path("root/etc/passwd"), O_RDONLY));
  EXPECT_TRUE(open_proc(*procfs, own_proc_path("status"), O_RDONLY));
}

TEST(ProcFile, AnythingElseAtProcIsRefused) {
  EXPECT_EQ(in_child([]() -> Result<> {
              if (::unshare(CLONE_NEWNS) != 0) return os_error("unshare");
              if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
                return os_error("private");
              if (::mount("fake", "/proc", "tmpfs", 0, nullptr) != 0) return os_error("mount");
              HF_TRY(const DirFd procfs, host_procfs());
              (void)procfs;
              return {};
            }),
            "/proc is not a procfs");
}

TEST(Labels, AnLsmThatIsNotThereTakesNoLabel) {
  if (apparmor_enabled() || selinux_enabled()) GTEST_SKIP() << "this kernel enables an LSM";
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_TRY(const DirFd procfs, host_procfs());
              HF_DO(set_apparmor_on_exec(procfs, ""));
              HF_DO(set_apparmor_on_exec(procfs, "unconfined"));
              HF_DO(set_selinux_on_exec(procfs, ""));
              const auto apparmor = set_apparmor_on_exec(procfs, "docker-default");
              HF_DO(check(!apparmor, "a profile without AppArmor"));
              HF_DO(check(apparmor.error().message.find("write `/proc/thread-self/attr/exec`: ") !=
                              std::string::npos,
                          apparmor.error().message));
              const auto selinux = set_selinux_on_exec(procfs, "system_u:object_r:x_t:s0");
              return check(!selinux, "a label without SELinux");
            }),
            "");
}

TEST(Sysctl, IsWrittenInTheNetworkNamespaceOfTheCaller) {
  const auto before = read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_EQ(
      in_child([]() -> Result<> {
        if (::unshare(CLONE_NEWNET) != 0) return os_error("unshare");
        HF_TRY(const DirFd procfs, host_procfs());
        HF_DO(set_sysctl(procfs, "net.ipv4.ip_unprivileged_port_start", "77"));
        HF_DO(set_sysctl(procfs, "net/ipv4/conf/lo/forwarding", "1"));
        HF_TRY(const std::string port, read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start"));
        HF_TRY(const std::string forwarding, read_file("/proc/sys/net/ipv4/conf/lo/forwarding"));
        HF_DO(same(port, "77\n", "port"));
        return same(forwarding, "1\n", "forwarding");
      }),
      "");
  EXPECT_EQ(*read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start"), *before);
}

TEST(Sysctl, ErrorsNameTheParameterAndTheValue) {
  EXPECT_EQ(in_child([]() -> Result<> {
              if (::unshare(CLONE_NEWNET) != 0) return os_error("unshare");
              HF_TRY(const DirFd procfs, host_procfs());
              return set_sysctl(procfs, "net.ipv4.ip_unprivileged_port_start", "70000");
            }),
            "set sysctl net.ipv4.ip_unprivileged_port_start to 70000: invalid argument");
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_TRY(const DirFd procfs, host_procfs());
              return set_sysctl(procfs, "net.ipv4.no_such_parameter", "1");
            }),
            "set sysctl net.ipv4.no_such_parameter: open sys/net/ipv4/no_such_parameter: "
            "no such file or directory");
}

}  // namespace
}  // namespace holdfast
