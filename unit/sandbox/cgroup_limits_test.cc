#include <gtest/gtest.h>

#include "sandbox/kernel/cgroup/limits.h"

namespace holdfast::cgroup {
namespace {

std::vector<std::string> told(const Result<std::vector<Write>>& writes) {
  std::vector<std::string> lines;
  if (!writes) return {writes.error().message};
  for (const Write& each : *writes) lines.push_back(fmt::format("{}={}", each.file, each.value));
  return lines;
}

using Lines = std::vector<std::string>;

oci::Resources everything() {
  oci::Resources all;
  all.memory.emplace();
  all.memory->limit = 1000;
  all.memory->swap = 3000;
  all.memory->reservation = 500;
  all.memory->kernel = 77;
  all.memory->kernel_tcp = 78;
  all.memory->swappiness = 10;
  all.memory->disable_oom_killer = true;
  all.cpu.emplace();
  all.cpu->shares = 1024;
  all.cpu->quota = 20000;
  all.cpu->period = 50000;
  all.cpu->burst = 1000;
  all.cpu->cpus = "0-1";
  all.cpu->mems = std::string(1, '0');
  all.pids.emplace();
  all.pids->limit = 9;
  all.block_io.emplace();
  all.block_io->weight = 500;
  all.block_io->throttle_read_bps.push_back({8, 0, 4096});
  all.block_io->throttle_write_iops.push_back({8, 16, 7});
  all.hugepage_limits.push_back({"2MB", 2097152});
  all.rdma["mlx5_1"] = {3, 10000};
  return all;
}

TEST(CgroupLimits, VersionOneWritesTheFilesOfItsDocumentation) {
  EXPECT_EQ(told(v1_writes(everything())),
            (Lines{"memory.limit_in_bytes=1000", "memory.memsw.limit_in_bytes=3000",
                   "memory.soft_limit_in_bytes=500", "memory.oom_control=1", "memory.swappiness=10",
                   "cpu.shares=1024", "cpu.cfs_period_us=50000", "cpu.cfs_burst_us=1000",
                   "cpu.cfs_quota_us=20000", "cpuset.cpus=0-1", "cpuset.mems=0", "pids.max=9",
                   "blkio.weight=500", "blkio.throttle.read_bps_device=8:0 4096",
                   "blkio.throttle.write_iops_device=8:16 7", "hugetlb.2MB.limit_in_bytes=2097152",
                   "hugetlb.2MB.rsvd.limit_in_bytes=2097152",
                   "rdma.max=mlx5_1 hca_handle=3 hca_object=10000"}));
}

TEST(CgroupLimits, VersionTwoConvertsThem) {
  EXPECT_EQ(told(v2_writes(everything())),
            (Lines{"memory.swap.max=2000", "memory.max=1000", "memory.low=500", "cpu.weight=100",
                   "cpu.max.burst=1000", "cpu.max=20000 50000", "cpuset.cpus=0-1", "cpuset.mems=0",
                   "pids.max=9", "io.bfq.weight=500", "io.max=8:0 rbps=4096", "io.max=8:16 wiops=7",
                   "hugetlb.2MB.max=2097152", "hugetlb.2MB.rsvd.max=2097152",
                   "rdma.max=mlx5_1 hca_handle=3 hca_object=10000"}));
}

TEST(CgroupLimits, ZeroAsksForNothing) {
  oci::Resources zeros;
  zeros.memory.emplace();
  zeros.memory->limit = zeros.memory->swap = zeros.memory->reservation = zeros.memory->kernel = 0;
  zeros.cpu.emplace();
  zeros.cpu->shares = zeros.cpu->period = zeros.cpu->realtime_period = 0;
  zeros.cpu->quota = zeros.cpu->realtime_runtime = 0;
  zeros.pids.emplace();
  zeros.pids->limit = 0;
  zeros.block_io.emplace();
  zeros.block_io->weight = 0;
  EXPECT_EQ(told(v1_writes(zeros)), Lines{});
  EXPECT_EQ(told(v2_writes(zeros)), Lines{});
}

TEST(CgroupLimits, MinusOneIsNoLimit) {
  oci::Resources none;
  none.memory.emplace();
  none.memory->limit = -1;
  none.cpu.emplace();
  none.cpu->quota = -1;
  none.pids.emplace();
  none.pids->limit = -1;
  EXPECT_EQ(told(v1_writes(none)),
            (Lines{"memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1",
                   "cpu.cfs_quota_us=-1", "pids.max=max"}));
  EXPECT_EQ(told(v2_writes(none)),
            (Lines{"memory.swap.max=max", "memory.max=max", "cpu.max=max =", "pids.max=max"}));
}

TEST(CgroupLimits, SwapOfVersionTwoIsWhatRemainsAboveMemory) {
  EXPECT_EQ(swap_max(0, 0).value(), "");
  EXPECT_EQ(swap_max(0, -1).value(), "max");
  EXPECT_EQ(swap_max(-1, 100).value(), "max");
  EXPECT_EQ(swap_max(100, 100).value(), "0");
  EXPECT_EQ(swap_max(300, 100).value(), "200");
  EXPECT_FALSE(swap_max(50, 100));
  EXPECT_FALSE(swap_max(50, 0));
  EXPECT_FALSE(swap_max(-2, 0));
}

TEST(CgroupLimits, WeightsKeepTheirEndsTheirMiddleAndTheirOrder) {
  EXPECT_EQ(cpu_weight(2), 1u);
  EXPECT_EQ(cpu_weight(1024), 100u);
  EXPECT_EQ(cpu_weight(262144), 10000u);
  EXPECT_EQ(io_weight(10), 1u);
  EXPECT_EQ(io_weight(1000), 10000u);
  uint64_t last = 0;
  for (uint64_t shares = 2; shares <= 262144; shares += 37) {
    EXPECT_GE(cpu_weight(shares), last);
    last = cpu_weight(shares);
  }
}

TEST(CgroupLimits, UnifiedIsVerbatimAndOnlyOfResourceFiles) {
  oci::Resources asked;
  asked.unified = {{"memory.high", "10 M"}, {"hugetlb.1GB.max", "0"}};
  EXPECT_EQ(told(unified_writes(asked)), (Lines{"hugetlb.1GB.max=0", "memory.high=10 M"}));
  for (const char* name :
       {"../x.y", "memory", "memory.", ".max", "cgroup.procs", "cgroup.kill", "a/b.c"}) {
    oci::Resources wrong;
    wrong.unified = {{name, "1"}};
    EXPECT_FALSE(unified_writes(wrong)) << name;
  }
}

TEST(CgroupLimits, APageSizeIsNoPath) {
  for (const char* size : {"2MB", "1GB", "64KB"}) EXPECT_TRUE(check_page_size(size)) << size;
  for (const char* size : {"", "MB", "2", "2M", "../2MB", "2MB/../x"})
    EXPECT_FALSE(check_page_size(size)) << size;
}

}  // namespace
}  // namespace holdfast::cgroup
