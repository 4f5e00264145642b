// What reads and removes, on a tree of plain directories.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/stats.h"

namespace holdfast {
namespace {

class CgroupTree : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/holdfast-cgroup-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
    auto dir = DirFd::open(root_);
    ASSERT_TRUE(dir);
    dir_ = std::move(*dir);
  }
  void TearDown() override {
    auto parent = DirFd::open("/tmp");
    ASSERT_TRUE(parent);
    EXPECT_TRUE(parent->remove_tree(root_.substr(5)));
  }

  void file(const std::string& path, std::string_view content) {
    std::string directory;
    const std::string parents = path.substr(0, path.rfind('/'));
    for (const auto part : split(parents, '/')) {
      if (!directory.empty()) directory += '/';
      directory += part;
      (void)dir_.mkdir(directory, 0755);
    }
    ASSERT_TRUE(dir_.create(path, content, 0644));
  }
  std::string at(const std::string& path) { return root_ + "/" + path; }

  std::string root_;
  DirFd dir_;
};

TEST_F(CgroupTree, ProcessesOfNestedCgroupsAreListedOnceAndInOrder) {
  file("memory/c1/cgroup.procs", "30\n10\n");
  file("memory/c1/a/cgroup.procs", "");
  file("memory/c1/a/b/cgroup.procs", "20\n0\n");
  file("pids/c1/cgroup.procs", "10\n");
  ASSERT_EQ(::symlink("/", at("memory/c1/link").c_str()), 0);
  CgroupRecord record;
  record.directories = {
      {"memory", at("memory/c1")}, {"pids", at("pids/c1")}, {"cpu", at("none/c1")}};
  const auto all = processes(record);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(*all, (std::vector<pid_t>{10, 20, 30}));
}

TEST_F(CgroupTree, RemovalIsDeepestFirstAndDoesNotFollowLinks) {
  long patience = 1000;
  file("outside/keep/cgroup.procs", "");
  ASSERT_TRUE(dir_.mkdir("c1", 0755));
  ASSERT_TRUE(dir_.mkdir("c1/a", 0755));
  ASSERT_TRUE(dir_.mkdir("c1/a/b", 0755));
  EXPECT_TRUE(cgroup::remove_directory(at("c1"), patience));
  EXPECT_FALSE(dir_.exists("c1"));
  EXPECT_TRUE(cgroup::remove_directory(at("c1"), patience));  // gone already

  ASSERT_TRUE(dir_.mkdir("c2", 0755));
  ASSERT_EQ(::symlink(at("outside").c_str(), at("c2/link").c_str()), 0);
  EXPECT_FALSE(cgroup::remove_directory(at("c2"), patience));  // not a cgroup: nothing is forced
  EXPECT_TRUE(dir_.exists("outside/keep"));
}

TEST_F(CgroupTree, AHierarchysRootIsNeverRemoved) {
  long patience = 1000;
  EXPECT_FALSE(cgroup::remove_directory("/", patience));
  EXPECT_FALSE(cgroup::remove_directory("/tmp/", patience));
  EXPECT_FALSE(cgroup::remove_directory("relative", patience));
}

TEST_F(CgroupTree, StatsOfVersionTwoAreToldInVersionOnesTerms) {
  file(
      "c1/cpu.stat",
      "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 1\nthrottled_usec 9\n");
  file("c1/memory.stat", "anon 100\nfile 200\n");
  file("c1/memory.current", "300\n");
  file("c1/memory.max", "max\n");
  file("c1/memory.swap.current", "40\n");
  file("c1/memory.swap.max", "max\n");
  file("c1/memory.peak", "400\n");
  file("c1/memory.events", "low 0\noom 1\noom_kill 1\n");
  file("c1/pids.current", "2\n");
  file("c1/pids.max", "max\n");
  file("c1/io.stat", "8:0 rbytes=10 wbytes=0 rios=1 wios=0 dbytes=5 dios=1\n");
  file("c1/hugetlb.2MB.current", "0\n");
  file("c1/hugetlb.2MB.events", "max 3\n");
  CgroupRecord record;
  record.mode = HostFacts::Cgroup::kV2;
  record.directories = {{"", at("c1")}};
  const auto text = cgroup_stats(record, "c1");
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(
      *text,
      R"({"type":"stats","id":"c1","data":{"cpu":{"usage":{"total":5000,"kernel":2000,"user":3000},)"
      R"("throttling":{"periods":7,"throttledPeriods":1,"throttledTime":9000}},)"
      R"("cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,)"
      R"("memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,)"
      R"("sched_relax_domain_level":0},)"
      R"("memory":{"cache":200,"usage":{"limit":18446744073709551615,"usage":300,"max":400,"failcnt":0},)"
      R"("swap":{"limit":18446744073709551615,"usage":340,"failcnt":0},)"
      R"("kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0},)"
      R"("raw":{"anon":100,"file":200}},"pids":{"current":2},)"
      R"("blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":10},{"major":8,"op":"Write"}],)"
      R"("ioServicedRecursive":[{"major":8,"op":"Read","value":1},{"major":8,"op":"Write"}]},)"
      R"("hugetlb":{"2MB":{"failcnt":3}},"intel_rdt":{},"network_interfaces":null}})");
  EXPECT_TRUE(oom_killed(record).value());
}

TEST_F(CgroupTree, FrozenIsReadFromTheGroupItself) {
  file("c1/cgroup.freeze", "1\n");
  file("c1/cgroup.events", "populated 1\nfrozen 1\n");
  CgroupRecord record;
  record.directories = {{"", at("c1")}};
  EXPECT_TRUE(is_frozen(record).value());
  file("v1/freezer.state", "FROZEN\n");
  file("v1/freezer.self_freezing", "0\n");  // by a group above it
  record.directories = {{"freezer", at("v1")}};
  EXPECT_FALSE(is_frozen(record).value());
}

TEST_F(CgroupTree, BlockIoSumsAreLeftOut) {
  const auto all = cgroup::parse_block_io("8:0 Read 4096\n8:0 Total 4096\nTotal 4096\n8:16 17\n");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[2].op, "");
  EXPECT_EQ(all[2].minor, 16u);
}

TEST_F(CgroupTree, WithoutACgroupALimitIsAnErrorThatSaysWhy) {
  CgroupPlan plan;
  plan.driver = CgroupDriver::kDisabled;
  const auto none = plan_cgroups(plan, "c1", true);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->without, "disabled");
  EXPECT_TRUE(none->directories.empty());
  plan.resources.pids.emplace();
  plan.resources.pids->limit = 5;
  const auto limited = plan_cgroups(plan, "c1", true);
  ASSERT_FALSE(limited);
  EXPECT_EQ(limited.error().message,
            "linux.resources.pids.limit: cannot be set without a cgroup (disabled)");
}

}  // namespace
}  // namespace holdfast
