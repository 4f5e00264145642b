// Limits that act, device rules that change under a running process, and the document of `events`.
#include <sys/sysmacros.h>

#include "core/json/document.h"
#include "integration/kernel/cgroup_fixture.h"
#include "sandbox/kernel/cgroup/device_rules.h"
#include "sandbox/kernel/verify.h"

namespace holdfast {
namespace {

class CgroupLimitsTest : public CgroupTest {
 protected:
  std::string node(const char* name, unsigned major, unsigned minor) {
    const std::string path = fmt::format("/tmp/{}-{}", name_, name);
    nodes_.push_back(path);
    EXPECT_EQ(::mknod(path.c_str(), S_IFCHR | 0600, makedev(major, minor)), 0);
    return path;
  }
  void TearDown() override {
    for (const std::string& each : nodes_) ::unlink(each.c_str());
    CgroupTest::TearDown();
  }
  std::vector<std::string> nodes_;
};

TEST_F(CgroupLimitsTest, AnUpdateOfTheDeviceRulesHoldsForTheRunningProcess) {
  make();
  const std::string kmsg = node("kmsg", 1, 11), null = node("null", 1, 3);
  int ask[2], told[2];
  ASSERT_EQ(::pipe2(ask, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(told, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!attach_v1(record_)) ::_exit(90);
    auto v2 = v2_directory(record_);
    clone_args arguments{};
    if (v2 && *v2) {
      arguments.flags = CLONE_INTO_CGROUP;
      arguments.cgroup = static_cast<uint64_t>(v2->get());
    }
    arguments.exit_signal = SIGCHLD;
    const long child = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child != 0) {
      int status = 0;
      ::waitpid(static_cast<pid_t>(child), &status, 0);
      ::_exit(0);
    }
    char byte;
    while (::read(ask[0], &byte, 1) == 1) {
      const char answer[2] = {::open(kmsg.c_str(), O_RDONLY | O_CLOEXEC) >= 0 ? 'y' : 'n',
                              ::open(null.c_str(), O_RDWR | O_CLOEXEC) >= 0 ? 'y' : 'n'};
      (void)!::write(told[1], answer, 2);
    }
    ::_exit(0);
  }
  const auto can = [&] {
    char answer[3] = {};
    EXPECT_EQ(::write(ask[1], "?", 1), 1);
    EXPECT_EQ(::read(told[0], answer, 2), 2);
    return std::string(answer);
  };
  EXPECT_EQ(can(), "ny");
  oci::Resources change;
  change.devices.push_back({true, "c", 1, 11, "r"});
  ASSERT_DONE(update_cgroups(record_, change));
  EXPECT_EQ(can(), "yy");
  change.devices = {{false, "a", {}, {}, "rwm"}};
  ASSERT_DONE(update_cgroups(record_, change));
  EXPECT_EQ(can(), "ny");
  change.devices = {{true, "a", {}, {}, "rwm"}};
  ASSERT_DONE(update_cgroups(record_, change));
  EXPECT_EQ(can(), "yy");
  change.devices = {{false, "a", {}, {}, "rwm"}};
  ASSERT_DONE(update_cgroups(record_, change));
  EXPECT_EQ(can(), "ny");
  ASSERT_DONE(kill_all(record_, SIGKILL));
  status_of(pid);
}

// On the v2 side, whoever holds the device rules of this host's containers.
TEST_F(CgroupLimitsTest, TheDeviceProgramIsReadBack) {
  make();
  const auto* v2 = cgroup::find_v2(record_);
  if (!v2) GTEST_SKIP() << "no cgroup version 2 is mounted";
  const std::vector<oci::DeviceRule> none{{false, "a", {}, {}, "rwm"}},
      log{{false, "a", {}, {}, "rwm"}, {true, "c", 1, 11, "r"}}, all{{true, "a", {}, {}, "rwm"}};
  CgroupRecord record;
  record.directories.push_back({"", v2->directory});
  const auto attach = [&](const std::vector<oci::DeviceRule>& rules) -> Result<> {
    HF_TRY(const cgroup::DeviceSet set, cgroup::device_set(rules));
    return cgroup::attach_device_program(v2->directory, set);
  };
  const auto seen = [&](const std::vector<oci::DeviceRule>& rules, bool thorough = true) {
    const auto differs = compare_devices(record, rules, thorough);
    return differs ? *differs : text(differs.error());
  };
  ASSERT_DONE(attach(log));
  EXPECT_EQ(seen(log), "");
  EXPECT_EQ(seen(none), "another device program is attached to " + v2->directory);
  EXPECT_EQ(seen(none, false), "");
  EXPECT_EQ(seen(all), "a device program is attached to " + v2->directory);
  Plan plan;
  plan.cgroup.resources.devices = none;
  const auto found = examine_places({.pid = ::getpid(),
                                     .plan = plan,
                                     .process = plan.process,
                                     .cgroups = &record,
                                     .moment = Moment::kRunning});
  ASSERT_TRUE(found) << text(found.error());
  EXPECT_FALSE(found->verdict());
  ASSERT_DONE(attach(all));
  EXPECT_EQ(seen(all), "");
  EXPECT_EQ(seen(log), "no device program is attached to " + v2->directory);
  EXPECT_EQ(seen(log, false), "no device program is attached to " + v2->directory);
}

TEST_F(CgroupLimitsTest, ThePidsLimitStopsAFork) {
  plan_.resources.pids.emplace();
  plan_.resources.pids->limit = 1;
  make();
  const pid_t pid = join([] {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    return child < 0 && errno == EAGAIN ? 0 : 91;
  });
  EXPECT_FALSE(oom_killed(record_).value_or(true));
  ASSERT_DONE(kill_all(record_, SIGKILL));
  const int status = status_of(pid);
  EXPECT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
}

TEST_F(CgroupLimitsTest, AnOomKillIsTold) {
  plan_.resources.memory.emplace();
  plan_.resources.memory->limit = 8 << 20;
  plan_.resources.memory->swap = 8 << 20;
  make();
  const pid_t pid = join([] {
    const pid_t child = ::fork();
    if (child != 0) {
      int status = 0;
      ::waitpid(child, &status, 0);
      return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : 91;
    }
    constexpr size_t kSize = 32 << 20;
    void* block =
        ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; at < kSize; at += 4096) static_cast<volatile char*>(block)[at] = 1;
    ::_exit(0);
  });
  EXPECT_TRUE(oom_killed(record_).value_or(false));
  ASSERT_DONE(kill_all(record_, SIGKILL));
  const int status = status_of(pid);
  EXPECT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
}

TEST_F(CgroupLimitsTest, HugepagesAndUnifiedKeysAreVersionTwosInHybrid) {
  auto record = plan_cgroups(plan_, "c1", false);
  ASSERT_TRUE(record);
  if (record->mode != HostFacts::Cgroup::kHybrid || cgroup::find_controller(*record, "hugetlb"))
    GTEST_SKIP() << "hugetlb is not on the v2 side of a hybrid host here";
  auto host = cgroup::read_hierarchies();
  ASSERT_TRUE(host);
  const std::string root = host->all.back().mount_point;
  auto offered = cgroup::read_control(root, "cgroup.controllers");
  ASSERT_TRUE(offered && *offered);
  if (!cgroup::lists(**offered, "hugetlb", ' ')) GTEST_SKIP() << "no hugetlb controller";
  auto before = cgroup::read_control(root, "cgroup.subtree_control");
  ASSERT_TRUE(before && *before);
  plan_.resources.hugepage_limits.push_back({"2MB", 4 << 20});
  plan_.resources.unified["hugetlb.1GB.max"] = "0";
  make();
  EXPECT_EQ(value("hugetlb", "hugetlb.2MB.max"), "4194304");
  EXPECT_EQ(value("hugetlb", "hugetlb.1GB.max"), "0");
  const auto stats = cgroup_stats(record_, "c1");
  ASSERT_TRUE(stats);
  EXPECT_NE(stats->find(R"("hugetlb":{"1GB":{"failcnt":0},"2MB":{"failcnt":0})"), std::string::npos)
      << *stats;
  // Ours to put back: no other group uses it, for it was not handed down before.
  ASSERT_DONE(remove_cgroups(record_));
  ::rmdir(fmt::format("{}/{}", root, name_).c_str());
  if (!cgroup::lists(**before, "hugetlb", ' ')) {
    EXPECT_TRUE(cgroup::write_control(root, "cgroup.subtree_control", "-hugetlb"));
  }
}

TEST_F(CgroupLimitsTest, TheStatsAreADocumentOfRuncsForm) {
  plan_.resources.pids.emplace();
  plan_.resources.pids->limit = 7;
  make();
  const pid_t pid = join([] { return 0; });
  const auto stats = cgroup_stats(record_, "c1");
  ASSERT_TRUE(stats) << text(stats.error());
  const auto document = json::Document::parse(*stats);
  ASSERT_TRUE(document) << *stats;
  const json::Value data = document->root().find("data");
  EXPECT_EQ(document->root().find("type").text(), "stats");
  EXPECT_EQ(document->root().find("id").text(), "c1");
  EXPECT_EQ(data.find("pids").find("current").text(), "1");
  EXPECT_EQ(data.find("pids").find("limit").text(), "7");
  EXPECT_NE(data.find("memory").find("usage").find("usage").text(), "");
  EXPECT_NE(data.find("cpu").find("usage").find("total").text(), "");
  EXPECT_TRUE(data.find("memory").find("raw").present());
  for (const char* member : {"cpuset", "blkio", "hugetlb", "intel_rdt", "network_interfaces"})
    EXPECT_TRUE(data.find(member).present()) << member;
  ASSERT_DONE(kill_all(record_, SIGKILL));
  status_of(pid);
}

}  // namespace
}  // namespace holdfast
