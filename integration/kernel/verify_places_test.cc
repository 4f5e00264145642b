// Where a process is, read back: a plan that claims more than was applied is told so, item by item.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/kernel/process_support.h"
#include "integration/kernel/rootfs_support.h"
#include "sandbox/kernel/cgroup/hierarchy.h"
#include "sandbox/kernel/verify.h"

namespace holdfast {
namespace {

// "" where the item holds, else what differs; "absent" if it was not looked at.
std::string detail(const Findings& found, std::string_view item) {
  for (const Findings::Entry& each : found.entries())
    if (each.item == item) return each.finding == Finding::kDiffers ? each.detail : "";
  return "absent";
}

std::string place(const Examinee& subject, std::string_view item) {
  const auto found = examine_places(subject);
  return found ? detail(*found, item) : text(found.error());
}

// --- mounts: looked at from inside a container's tree ---

class VerifyMounts : public RootfsTest {
 protected:
  Plan protected_plan() const {
    Plan plan = container();
    add_usual_mounts(plan);
    plan.masked_paths = {"/proc/uptime", "/proc/tty", "/proc/none"};
    plan.readonly_paths = {"/proc/sys", "/proc/none"};
    return plan;
  }
  static std::string seen(const Plan& plan, std::string_view item) {
    return place({.pid = ::getpid(), .plan = plan, .process = plan.process}, item);
  }
};

TEST_F(VerifyMounts, WhatWasAppliedHolds) {
  Plan plan = protected_plan();
  plan.readonly_rootfs = true;
  run(plan, [&] {
    for (const char* item : {"mounts", "maskedPaths", "readonlyPaths", "rootfs"})
      EXPECT_EQ(seen(plan, item), "") << item;
  });
}

TEST_F(VerifyMounts, AMaskThatWasNeverAppliedIsMissed) {
  const Plan applied = protected_plan();
  Plan claimed = applied;
  claimed.masked_paths.insert(claimed.masked_paths.end(), {"/proc/version", "/proc/bus"});
  run(applied, [&] {
    EXPECT_EQ(seen(claimed, "maskedPaths"), "/proc/version is not hidden; /proc/bus is not hidden");
  });
}

TEST_F(VerifyMounts, AMaskThatWasTakenAwayIsMissed) {
  const Plan plan = protected_plan();
  run(plan, [&] {
    ASSERT_EQ(::umount2("/proc/uptime", MNT_DETACH), 0);
    EXPECT_EQ(seen(plan, "maskedPaths"), "/proc/uptime is not hidden");
    ASSERT_EQ(::umount2("/proc/tty", MNT_DETACH), 0);
    EXPECT_EQ(seen(plan, "maskedPaths"), "/proc/uptime is not hidden; /proc/tty is not hidden");
  });
}

TEST_F(VerifyMounts, APathThatIsWritableIsMissed) {
  const Plan applied = protected_plan();
  Plan claimed = applied;
  claimed.readonly_paths.emplace_back("/proc/irq");
  run(applied, [&] {
    EXPECT_EQ(seen(claimed, "readonlyPaths"), "/proc/irq is not read-only");
    ASSERT_EQ(::mount(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND, nullptr), 0);
    EXPECT_EQ(seen(applied, "readonlyPaths"), "/proc/sys is not read-only");
  });
}

TEST_F(VerifyMounts, AProgramThatKeptItsCapabilitiesIsMissed) {
  make_file("/program", "x");
  make_file("/other", "x");
  Plan applied = protected_plan();
  applied.nosuid_paths = {"/program", "/none"};
  Plan claimed = applied;
  claimed.nosuid_paths.emplace_back("/other");
  run(applied, [&] {
    EXPECT_EQ(seen(applied, "nosuidPaths"), "");
    EXPECT_EQ(seen(claimed, "nosuidPaths"), "/other is not nosuid");
    ASSERT_EQ(::umount2("/program", MNT_DETACH), 0);
    EXPECT_EQ(seen(applied, "nosuidPaths"), "/program is not nosuid");
  });
}

TEST_F(VerifyMounts, AMountWithFewerFlagsOrNoneIsMissed) {
  const Plan plan = protected_plan();
  run(plan, [&] {
    ASSERT_EQ(::mount(nullptr, "/dev/shm", nullptr, MS_REMOUNT | MS_BIND | MS_NOSUID, nullptr), 0);
    EXPECT_EQ(seen(plan, "mounts"), "/dev/shm is not nodev,noexec");
    ASSERT_EQ(::umount2("/dev/shm", MNT_DETACH), 0);
    EXPECT_EQ(seen(plan, "mounts"), "/dev/shm is not mounted");  // the /dev beneath it is
    ASSERT_EQ(::mount("mqueue", "/dev/shm", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr),
              0);
    EXPECT_EQ(seen(plan, "mounts"), "/dev/shm is mqueue instead of tmpfs");
    ASSERT_EQ(::umount2("/dev/shm", MNT_DETACH), 0);
    Plan claimed = plan;
    add_mount(claimed, "/claimed", "tmpfs", "tmpfs", {"nosuid"});
    EXPECT_TRUE(seen(claimed, "mounts").ends_with("; /claimed is not there"));
    ASSERT_EQ(::mkdir("/claimed", 0755), 0);
    EXPECT_TRUE(seen(claimed, "mounts").ends_with("; /claimed is not mounted"));
  });
}

TEST_F(VerifyMounts, ARootThatIsWritableIsMissed) {
  const Plan applied = protected_plan();
  Plan claimed = applied;
  claimed.readonly_rootfs = true;
  run(applied, [&] { EXPECT_EQ(seen(claimed, "rootfs"), "the root is not read-only"); });
}

TEST_F(VerifyMounts, ATreeWhoseIdsAreNotMappedIsMissed) {
  Plan applied = protected_plan();
  ASSERT_EQ(::mkdir((base() + "/source").c_str(), 0755), 0);
  add_mount(applied, "/m", "", base() + "/source", {"rbind"});
  Plan claimed = applied;
  claimed.rootfs_idmap.emplace();
  claimed.mounts.back().idmap.emplace();
  run(applied, [&] {
    EXPECT_EQ(seen(applied, "mounts"), "");
    EXPECT_EQ(seen(claimed, "mounts"), "/m is not idmapped");
    EXPECT_EQ(seen(claimed, "rootfs"), "the root is not idmapped");
  });
}

TEST_F(VerifyMounts, LinksOfTheImageAndCoveredMountsAreNoDifference) {
  make_directory("/run");
  make_directory("/var");
  make_link("/var/run", "/run");
  Plan plan = protected_plan();
  add_mount(plan, "/var/run/secrets", "tmpfs", "tmpfs", {"nosuid", "noexec"});
  add_mount(plan, "/a/b", "tmpfs", "tmpfs", {"noexec"});
  add_mount(plan, "/a", "tmpfs", "tmpfs", {});
  run(plan, [&] {
    EXPECT_EQ(seen(plan, "mounts"), "");
    ASSERT_EQ(::mount(nullptr, "/run/secrets", nullptr, MS_REMOUNT | MS_BIND | MS_NOSUID, nullptr),
              0);
    EXPECT_EQ(seen(plan, "mounts"), "/var/run/secrets is not noexec");
  });
}

TEST_F(VerifyMounts, AMountOverTheRootIsMissed) {
  const Plan plan = protected_plan();
  run(plan, [&] {
    ASSERT_EQ(::mount("tmpfs", "/", "tmpfs", 0, nullptr), 0);
    EXPECT_EQ(seen(plan, "mounts"), "something is mounted over the root");
  });
}

TEST_F(VerifyMounts, WhatCameWithARecursiveBindHasItsFlags) {
  Plan plan = protected_plan();
  const std::string source = base() + "/volumes";
  ASSERT_EQ(::mkdir(source.c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((source + "/own").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((source + "/sub").c_str(), 0755), 0);
  prepare_host = [&] {
    ASSERT_EQ(::mount("tmpfs", (source + "/sub").c_str(), "tmpfs", 0, nullptr), 0);
  };
  add_mount(plan, "/volumes", "bind", source, {"rbind", "rro"});
  add_mount(plan, "/volumes/own", "tmpfs", "tmpfs", {});
  run(plan, [&] {
    EXPECT_EQ(seen(plan, "mounts"), "");
    ASSERT_EQ(::mount(nullptr, "/volumes/sub", nullptr, MS_REMOUNT | MS_BIND, nullptr), 0);
    EXPECT_EQ(seen(plan, "mounts"), "/volumes/sub, which came with /volumes, is not ro");
  });
}

TEST_F(VerifyMounts, AMountThatALinkPutBeneathALaterOneIsNoDifference) {
  make_directory("/run");
  make_directory("/var");
  make_link("/var/run", "/run");
  Plan plan = protected_plan();
  add_mount(plan, "/var/run/secrets", "tmpfs", "tmpfs", {"noexec"});
  add_mount(plan, "/run", "tmpfs", "tmpfs", {});
  run(plan, [&] {
    EXPECT_EQ(seen(plan, "mounts"), "");
    ASSERT_EQ(::umount2("/run", MNT_DETACH), 0);
    ASSERT_EQ(::umount2("/run/secrets", MNT_DETACH), 0);
    EXPECT_EQ(seen(plan, "mounts"), "/var/run/secrets is not mounted; /run is not mounted");
  });
}

TEST_F(VerifyMounts, WithoutAMountNamespaceOfItsOwnNothingIsLookedAt) {
  Plan plan;
  EXPECT_EQ(place({.pid = ::getpid(), .plan = plan, .process = plan.process}, "mounts"), "absent");
}

// --- namespaces and cgroups: of a child ---

class Child {
 public:
  explicit Child(int unshared) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const char done = ::unshare(unshared) == 0 ? 'y' : 'n';
      (void)!::write(ends[1], &done, 1);
      while (true) ::pause();
    }
    ::close(ends[1]);
    char done = 0;
    EXPECT_EQ(::read(ends[0], &done, 1), 1);
    EXPECT_EQ(done, 'y');
    ::close(ends[0]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

Plan with_namespaces(const std::string& path = "") {
  Plan plan;
  plan.namespaces = {{oci::NamespaceType::kNetwork, path}, {oci::NamespaceType::kUts, path}};
  for (auto& each : plan.namespaces)
    if (!path.empty()) each.path = path + "/" + std::string(oci::proc_name(each.type));
  return plan;
}

TEST(VerifyNamespaces, NewOnesAreNotTheRuntimes) {
  const Plan plan = with_namespaces();
  const Child apart(CLONE_NEWNET | CLONE_NEWUTS), half(CLONE_NEWNET);
  EXPECT_EQ(place({.pid = apart.pid(), .plan = plan, .process = plan.process}, "namespaces"), "");
  const std::string told =
      place({.pid = half.pid(), .plan = plan, .process = plan.process}, "namespaces");
  EXPECT_TRUE(told.starts_with("uts:[") && told.ends_with("] is the runtime's own")) << told;
}

TEST(VerifyNamespaces, JoinedOnesAreThoseOfTheirPaths) {
  const Child other(CLONE_NEWNET | CLONE_NEWUTS), same(0);
  const Plan own = with_namespaces("/proc/self/ns");
  EXPECT_EQ(place({.pid = same.pid(), .plan = own, .process = own.process}, "namespaces"), "");
  const std::string told =
      place({.pid = other.pid(), .plan = own, .process = own.process}, "namespaces");
  EXPECT_NE(told.find("instead of net:["), told.npos) << told;
  EXPECT_NE(told.find(", /proc/self/ns/uts"), told.npos) << told;
}

TEST(VerifyNamespaces, AUserNamespaceMayBeNamedByOneThatItOwns) {
  const Child owner(CLONE_NEWUSER | CLONE_NEWNET), other(CLONE_NEWUSER);
  Plan plan;
  plan.namespaces = {{oci::NamespaceType::kUser, fmt::format("/proc/{}/ns/net", owner.pid())}};
  EXPECT_EQ(place({.pid = owner.pid(), .plan = plan, .process = plan.process}, "namespaces"), "");
  const std::string told =
      place({.pid = other.pid(), .plan = plan, .process = plan.process}, "namespaces");
  EXPECT_NE(told.find("instead of user:["), told.npos) << told;
}

TEST(VerifyNamespaces, AFurtherProcessIsInThoseOfTheFirst) {
  const Plan plan = with_namespaces();
  const Child first(CLONE_NEWNET | CLONE_NEWUTS), stray(CLONE_NEWNET | CLONE_NEWUTS);
  EXPECT_EQ(place({.pid = first.pid(), .plan = plan, .process = plan.process, .init = first.pid()},
                  "namespaces"),
            "");
  const std::string told =
      place({.pid = stray.pid(), .plan = plan, .process = plan.process, .init = first.pid()},
            "namespaces");
  EXPECT_NE(told.find(", the container's"), told.npos) << told;
}

TEST(VerifyNamespaces, LaterTheyAreStillTheSame) {
  const Plan plan = with_namespaces();
  const Child child(CLONE_NEWNET | CLONE_NEWUTS);
  const auto found = examine_places({.pid = child.pid(), .plan = plan, .process = plan.process});
  ASSERT_TRUE(found) << text(found.error());
  auto recorded = found->namespaces;
  ASSERT_EQ(recorded.size(), 2u);
  const auto later = [&] {
    return place({.pid = child.pid(),
                  .plan = plan,
                  .process = plan.process,
                  .moment = Moment::kRunning,
                  .namespaces = &recorded},
                 "namespaces");
  };
  EXPECT_EQ(later(), "");
  recorded["net"] = "net:[1]";
  EXPECT_TRUE(later().ends_with("instead of net:[1], that of its start")) << later();
}

TEST(VerifyCgroups, TheProcessIsInThemOrBelow) {
  const auto own = read_file("/proc/self/cgroup");
  ASSERT_TRUE(own) << text(own.error());
  CgroupRecord record;
  record.rootless = true;  // without device rules
  for (const auto line : split(trim(*own), '\n')) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    record.directories.push_back({std::string(line.substr(first + 1, second - first - 1)),
                                  "/sys/fs/cgroup/x", std::string(line.substr(second + 1))});
  }
  ASSERT_FALSE(record.directories.empty());
  const Plan plan;
  const auto seen = [&] {
    return place({.pid = ::getpid(), .plan = plan, .process = plan.process, .cgroups = &record},
                 "cgroups");
  };
  EXPECT_EQ(seen(), "");
  const std::string path = record.directories[0].path;
  record.directories[0].path = "/";
  EXPECT_EQ(seen(), "");
  record.directories[0].path = path == "/" ? "/x" : path + "x";
  EXPECT_TRUE(seen().ends_with(path + " instead of " + record.directories[0].path)) << seen();
  record.directories[0].controllers = "nonsense";
  EXPECT_TRUE(seen().starts_with("cgroup nonsense unknown instead of ")) << seen();
  // Written by a release that did not know it.
  record.directories[0].path.clear();
  EXPECT_EQ(seen(), "");
}

// Seen from a cgroup namespace, what lies outside of it begins with "/..".
class VerifyForeignCgroups : public ::testing::Test {
 protected:
  void SetUp() override {
    auto host = cgroup::read_hierarchies();
    ASSERT_TRUE(host) << text(host.error());
    if (host->all.empty()) GTEST_SKIP() << "no cgroup hierarchy is mounted";
    const cgroup::Hierarchy& last = host->all.back();
    controllers_ = last.controllers;
    directory_ = fmt::format("{}/holdfast-verify-{}", last.own_directory(), ::getpid());
    path_ = fmt::format("{}/holdfast-verify-{}", last.own == "/" ? "" : last.own, ::getpid());
    for (const char* each : {"", "/viewer", "/container"})
      ASSERT_EQ(::mkdir((directory_ + each).c_str(), 0755), 0) << directory_ << each;
  }

  void TearDown() override {
    if (container_ > 0) {
      ::kill(container_, SIGKILL);
      ::waitpid(container_, nullptr, 0);
    }
    for (const char* each : {"/container", "/viewer", ""}) ::rmdir((directory_ + each).c_str());
    EXPECT_TRUE(directory_.empty() || !exists(directory_)) << directory_ << " is left";
  }

  bool join(const char* name) const {
    const Fd procs(::open((directory_ + name + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    return ::write(procs.get(), "0", 1) == 1;
  }

  // What a viewer in a cgroup namespace of its own finds, of a container that is planned at `path`.
  std::string seen(const std::string& path) const {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t viewer = ::fork();
    if (viewer == 0) {
      std::string answer = "the viewer could not get there";
      if (join("/viewer") && ::unshare(CLONE_NEWCGROUP) == 0) {
        CgroupRecord record;
        record.rootless = true;  // without device rules
        record.directories.push_back({controllers_, directory_ + "/container", path});
        const Plan plan;
        answer =
            place({.pid = container_, .plan = plan, .process = plan.process, .cgroups = &record},
                  "cgroups");
      }
      ::_exit(::write(ends[1], answer.data(), answer.size()) == std::ssize(answer) ? 0 : 1);
    }
    ::close(ends[1]);
    char answer[4096];
    const ssize_t size = ::read(ends[0], answer, sizeof answer);
    ::close(ends[0]);
    int status = 0;
    ::waitpid(viewer, &status, 0);
    EXPECT_EQ(status, 0);
    return size > 0 ? std::string(answer, static_cast<size_t>(size)) : std::string();
  }

  std::string controllers_, directory_, path_;
  pid_t container_ = 0;
};

TEST_F(VerifyForeignCgroups, AreComparedByTheirEnd) {
  int joined[2];
  ASSERT_EQ(::pipe2(joined, O_CLOEXEC), 0);
  container_ = ::fork();
  if (container_ == 0) {
    if (!join("/container") || ::write(joined[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  ::close(joined[1]);
  char byte;
  ASSERT_EQ(::read(joined[0], &byte, 1), 1);
  ::close(joined[0]);
  EXPECT_EQ(seen(path_ + "/container"), "");
  EXPECT_TRUE(seen(path_ + "/other").ends_with("/../container instead of " + path_ + "/other"))
      << seen(path_ + "/other");
  EXPECT_TRUE(seen("/container/below").ends_with("/../container instead of /container/below"));
}

// --- what only the process itself can see ---

// Out of line: g++ 12 takes what it inlines of the optional for uninitialised.
[[gnu::noinline]] Plan plan_of_what_only_it_sees() {
  Plan plan;
  plan.landlock = LandlockPlan{};
  plan.process.mdwe = true;
  plan.process.apparmor_profile = "docker-default";
  return plan;
}

TEST(VerifyReports, AProcessThatDidNotProveItIsToldApart) {
  const Plan plan = plan_of_what_only_it_sees();
  const auto report = [&](uint32_t checked, std::string_view item) {
    const auto found = examine_process(
        {.pid = ::getpid(), .plan = plan, .process = plan.process, .self_checked = checked});
    return found ? detail(*found, item) : text(found.error());
  };
  EXPECT_EQ(report(0, "landlock"), "the Landlock domain was not entered");
  EXPECT_EQ(report(0, "mdwe"), "MDWE was not set");
  EXPECT_EQ(report(0, "appArmor"), "the AppArmor profile was not set");
  for (const char* item : {"landlock", "mdwe", "appArmor"})
    EXPECT_EQ(report(kLandlockEntered | kMdweSet | kAppArmorOnExec, item), "") << item;
}

// A running program may have given up rights, never gained any.
TEST(VerifyRunning, RightsMayBeGivenUpAndNotGained) {
  Plan plan;
  const auto found = [&](Moment moment, std::string_view item) {
    const auto looked = examine_process(
        {.pid = ::getpid(), .plan = plan, .process = plan.process, .moment = moment});
    return looked ? detail(*looked, item) : text(looked.error());
  };
  plan.process.capabilities.bounding = ~uint64_t{0} >> 1;
  plan.process.capabilities.permitted = plan.process.capabilities.bounding;
  EXPECT_EQ(found(Moment::kRunning, "capabilities"), "");
  EXPECT_NE(found(Moment::kParked, "capabilities"), "");
  plan.process.capabilities = {};
  EXPECT_NE(found(Moment::kRunning, "capabilities").find("more: CAP_CHOWN"), std::string::npos);
  plan.process.rlimits = {{"RLIMIT_NOFILE", UINT64_MAX - 1, UINT64_MAX - 1}};
  EXPECT_EQ(found(Moment::kRunning, "rlimits"), "");
  plan.process.rlimits = {{"RLIMIT_NOFILE", 1, 1}};
  EXPECT_NE(found(Moment::kRunning, "rlimits"), "");
}

}  // namespace
}  // namespace holdfast
