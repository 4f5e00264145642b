// The cgroups of a container on this host's own hierarchies: every test leaves them as they were.
#include <sys/sysmacros.h>
#include <time.h>

#include "integration/kernel/cgroup_fixture.h"

namespace holdfast {
namespace {

TEST_F(CgroupTest, AProcessIsInEveryHierarchyAfterTheJoin) {
  make();
  const pid_t pid = join([] { return 0; });
  auto lines = read_file(fmt::format("/proc/{}/cgroup", pid));
  ASSERT_TRUE(lines);
  auto host = cgroup::read_hierarchies();
  ASSERT_EQ(host->all.size(), record_.directories.size());
  for (const auto& each : host->all) {
    EXPECT_NE(lines->find(fmt::format(":{}:/{}/c1\n", each.controllers, name_)), std::string::npos)
        << each.controllers << " in\n"
        << *lines;
  }
  auto inside = processes(record_);
  ASSERT_TRUE(inside);
  EXPECT_EQ(*inside, std::vector<pid_t>{pid});
  ASSERT_DONE(kill_all(record_, SIGKILL));
  EXPECT_TRUE(WIFSIGNALED(status_of(pid)));
}

TEST_F(CgroupTest, LimitsAreInTheKernelBeforeTheJoin) {
  plan_.resources.memory.emplace();
  plan_.resources.memory->limit = 64 << 20;
  plan_.resources.memory->swap = 128 << 20;
  plan_.resources.memory->reservation = 32 << 20;
  plan_.resources.cpu.emplace();
  plan_.resources.cpu->shares = 512;
  plan_.resources.cpu->quota = 50000;
  plan_.resources.cpu->period = 100000;
  plan_.resources.pids.emplace();
  plan_.resources.pids->limit = 17;
  make();
  EXPECT_EQ(value("pids", "pids.max"), "17");
  if (v1("memory")) {
    EXPECT_EQ(value("memory", "memory.limit_in_bytes"), "67108864");
    EXPECT_EQ(value("memory", "memory.memsw.limit_in_bytes"), "134217728");
    EXPECT_EQ(value("memory", "memory.soft_limit_in_bytes"), "33554432");
    EXPECT_EQ(value("cpu", "cpu.shares"), "512");
    EXPECT_EQ(value("cpu", "cpu.cfs_quota_us"), "50000");
  } else {
    EXPECT_EQ(value("memory", "memory.max"), "67108864");
    EXPECT_EQ(value("memory", "memory.swap.max"), "67108864");
    EXPECT_EQ(value("memory", "memory.low"), "33554432");
    EXPECT_EQ(value("cpu", "cpu.weight"), "59");
    EXPECT_EQ(value("cpu", "cpu.max"), "50000 100000");
  }
}

TEST_F(CgroupTest, AnUpdateRaisesAndLowersMemoryAndSwapInBothDirections) {
  const auto set = [this](int64_t limit, int64_t swap) {
    oci::Resources change;
    change.memory.emplace();
    change.memory->limit = limit;
    change.memory->swap = swap;
    const auto done = update_cgroups(record_, change);
    EXPECT_TRUE(done) << text(done.error());
  };
  make();
  set(64 << 20, 128 << 20);
  set(256 << 20, 512 << 20);  // the new limit is above the old sum
  set(32 << 20, 32 << 20);    // the new sum is below the old limit
  if (v1("memory")) {
    EXPECT_EQ(value("memory", "memory.limit_in_bytes"), "33554432");
    EXPECT_EQ(value("memory", "memory.memsw.limit_in_bytes"), "33554432");
  } else {
    EXPECT_EQ(value("memory", "memory.max"), "33554432");
    EXPECT_EQ(value("memory", "memory.swap.max"), "0");
  }
  set(-1, -1);
  EXPECT_EQ(value("memory", v1("memory") ? "memory.limit_in_bytes" : "memory.max"),
            v1("memory") ? "9223372036854771712" : "max");
}

TEST_F(CgroupTest, ZerosOfAnUpdateLeaveWhatIsSet) {
  plan_.resources.pids.emplace();
  plan_.resources.pids->limit = 20;
  plan_.resources.cpu.emplace();
  plan_.resources.cpu->shares = 2048;
  make();
  oci::Resources change;
  change.cpu.emplace();
  change.cpu->shares = 0;
  change.cpu->quota = 0;
  change.cpu->period = 0;
  change.pids.emplace();
  change.pids->limit = 0;
  change.memory.emplace();
  change.memory->limit = 0;
  change.memory->swap = 0;
  change.memory->kernel = 0;
  ASSERT_DONE(update_cgroups(record_, change));
  EXPECT_EQ(value("pids", "pids.max"), "20");
  if (v1("cpu")) {
    EXPECT_EQ(value("cpu", "cpu.shares"), "2048");
  }
}

TEST_F(CgroupTest, ADeviceThatNoRuleNamesCannotBeOpened) {
  make();
  // 1:11 is /dev/kmsg, 1:3 is /dev/null; /dev may be made only by mknod here.
  const std::string kmsg = fmt::format("/tmp/{}-kmsg", name_),
                    null = fmt::format("/tmp/{}-null", name_);
  const pid_t pid = join([&] {
    if (::mknod(kmsg.c_str(), S_IFCHR | 0600, makedev(1, 11)) != 0) return 91;
    if (::mknod(null.c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0) return 92;
    if (::open(null.c_str(), O_RDWR) < 0) return 93;
    if (::open(kmsg.c_str(), O_RDONLY) >= 0) return 94;
    return errno == EPERM ? 0 : 95;
  });
  ASSERT_DONE(kill_all(record_, SIGKILL));
  const int status = status_of(pid);
  EXPECT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);
  ::unlink(kmsg.c_str());
  ::unlink(null.c_str());
}

TEST_F(CgroupTest, FrozenProcessesAreKilledToo) {
  make();
  const pid_t pid = join([] { return 0; });
  EXPECT_FALSE(is_frozen(record_).value_or(true));
  ASSERT_DONE(freeze(record_));
  EXPECT_TRUE(is_frozen(record_).value_or(false));
  ASSERT_DONE(kill_all(record_, SIGKILL));
  EXPECT_TRUE(WIFSIGNALED(status_of(pid)));
}

TEST_F(CgroupTest, NestedCgroupsAreListedKilledAndRemoved) {
  make();
  for (const auto& each : record_.directories) {
    ASSERT_EQ(::mkdir(fmt::format("{}/inner", each.directory).c_str(), 0755), 0);
    ASSERT_EQ(::mkdir(fmt::format("{}/inner/most", each.directory).c_str(), 0755), 0);
  }
  const pid_t pid = join([this] {
    const auto* pids = cgroup::find_controller(record_, "pids");
    const std::string place = pids ? pids->directory : record_.directories.back().directory;
    return cgroup::write_control(fmt::format("{}/inner/most", place), "cgroup.procs", "0") ? 0 : 96;
  });
  auto inside = processes(record_);
  ASSERT_TRUE(inside);
  EXPECT_EQ(*inside, std::vector<pid_t>{pid});
  ASSERT_DONE(kill_all(record_, SIGKILL));
  EXPECT_TRUE(WIFSIGNALED(status_of(pid)));
}

TEST_F(CgroupTest, RemovalGivesUpOnceForAllHierarchiesWhileAProcessLives) {
  make();
  const pid_t pid = join([] { return 0; });
  timespec before{}, after{};
  ::clock_gettime(CLOCK_MONOTONIC, &before);
  EXPECT_FALSE(remove_cgroups(record_));
  ::clock_gettime(CLOCK_MONOTONIC, &after);
  EXPECT_LE(after.tv_sec - before.tv_sec, 4);
  EXPECT_EQ(::kill(pid, 0), 0);
  ASSERT_DONE(kill_all(record_, SIGKILL));
  status_of(pid);
}

TEST_F(CgroupTest, ACgroupWithProcessesIsNotTakenForANewContainer) {
  make();
  const pid_t pid = join([] { return 0; });
  const auto again = create_cgroups(record_, plan_.resources, 0);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("is not empty"), std::string::npos) << again.error().message;
  ASSERT_DONE(kill_all(record_, SIGKILL));
  status_of(pid);
}

TEST_F(CgroupTest, ALimitWithoutItsControllerNamesBothAndLeavesNothing) {
  auto record = plan_cgroups(plan_, "c1", false);
  ASSERT_TRUE(record);
  if (record->mode != HostFacts::Cgroup::kV2 && cgroup::find_controller(*record, "net_cls"))
    GTEST_SKIP() << "this host has net_cls";
  plan_.resources.network.emplace();
  plan_.resources.network->class_id = 7;
  const auto made = create_cgroups(*record, plan_.resources, 0);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("linux.resources.network.classID"), std::string::npos)
      << made.error().message;
  for (const auto& each : record->directories)
    EXPECT_NE(::access(each.directory.c_str(), F_OK), 0) << each.directory;
  record_ = *record;
}

TEST_F(CgroupTest, AnUnifiedKeyOfAnUnknownControllerIsAClearError) {
  plan_.resources.unified["foo.max"] = "1";
  auto record = plan_cgroups(plan_, "c1", false);
  ASSERT_TRUE(record);
  record_ = *record;
  auto made = create_cgroups(record_, plan_.resources, 0);
  if (made) made = limit_cgroups(record_, plan_.resources);
  ASSERT_FALSE(made);
  const bool v1 = record_.mode == HostFacts::Cgroup::kV1;
  EXPECT_NE(
      made.error().message.find(v1 ? "linux.resources.unified: the host has no cgroup version 2"
                                   : "linux.resources.unified.foo.max"),
      std::string::npos)
      << made.error().message;
}

// What the container's root gets of its own cgroup, and what it does not.
TEST_F(CgroupTest, ADelegatedCgroupGivesItsProcessesAndNotItsLimits) {
  make();
  if (!record_.directories.back().controllers.empty()) GTEST_SKIP() << "no v2 hierarchy";
  const std::string top = record_.directories.back().directory;
  const auto owner = [&](const std::string& name) {
    struct stat info {};
    EXPECT_EQ(::stat((top + name).c_str(), &info), 0) << name;
    return info.st_uid;
  };
  CgroupRecord unified = record_;
  unified.mode = HostFacts::Cgroup::kHybrid;
  ASSERT_DONE(delegate_cgroup(unified, 100000));
  EXPECT_EQ(owner(""), 0u);
  unified.mode = HostFacts::Cgroup::kV2;
  ASSERT_DONE(delegate_cgroup(unified, 100000));
  for (const char* name : {"", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"})
    EXPECT_EQ(owner(name), 100000u) << name;
  for (const char* name : {"/cgroup.freeze", "/cgroup.max.descendants", "/cgroup.kill"})
    EXPECT_EQ(owner(name), 0u) << name;
}

}  // namespace
}  // namespace holdfast
