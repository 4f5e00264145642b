// What a container has used, and the document of `events --stats`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sandbox/kernel/cgroup.h"

namespace holdfast::cgroup {

struct BlockIoEntry {
  uint64_t major = 0, minor = 0;
  std::string op;  // "Read", "Write", "Sync", ...; empty for plain counters
  uint64_t value = 0;
};

struct MemoryEntry {
  uint64_t limit = 0, usage = 0, max = 0, failcnt = 0;
};

struct HugetlbEntry {
  uint64_t usage = 0, max = 0, failcnt = 0;
};

// Nanoseconds and bytes.
struct Stats {
  struct {
    uint64_t total = 0, kernel = 0, user = 0;
    std::vector<uint64_t> percpu, percpu_kernel, percpu_user;
    uint64_t periods = 0, throttled_periods = 0, throttled_time = 0;
  } cpu;
  struct {
    std::vector<uint64_t> cpus, mems;
    std::map<std::string, int64_t> flags;  // "cpu_exclusive", ...: absent ones count as 0
  } cpuset;
  struct {
    uint64_t cache = 0;
    MemoryEntry usage, swap, kernel, kernel_tcp;
    std::map<std::string, uint64_t> raw;  // memory.stat
  } memory;
  struct {
    uint64_t current = 0, limit = 0;  // limit 0: none
  } pids;
  std::map<std::string, std::vector<BlockIoEntry>> block_io;  // "ioServiceBytesRecursive"
  std::map<std::string, HugetlbEntry> hugetlb;                // by page size, "2MB"
};

Result<Stats> read_stats(const CgroupRecord& record);

// The event in runc's form (runc 1.1, types/events.go), one line without the newline.
std::string encode_stats(const Stats& stats, const std::string& id);

// "0-2,7" as 0 1 2 7; an empty list for what is none.
std::vector<uint64_t> parse_list_of_numbers(std::string_view text);

// The entries of io.stat, by what version 1 calls them.
void parse_io_stat(std::string_view text, Stats& stats);

// The entries of a blkio file: "8:0 Read 4096", "8:0 17"; sums over all devices are left out.
std::vector<BlockIoEntry> parse_block_io(std::string_view text);

}  // namespace holdfast::cgroup
