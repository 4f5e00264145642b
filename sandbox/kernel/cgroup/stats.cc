#include "sandbox/kernel/cgroup/stats.h"

#include <unistd.h>

#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/place.h"

namespace holdfast {
namespace cgroup {
namespace {

constexpr uint64_t kNoLimit = UINT64_MAX;

Result<std::string> text_of(const std::string& directory, const std::string& file) {
  HF_TRY(auto text, read_control(directory, file));
  return std::move(text).value_or("");
}

// 0 for a file that is absent; "max" is no limit.
Result<uint64_t> number_of(const std::string& directory, const std::string& file) {
  HF_TRY(const std::string text, text_of(directory, file));
  if (text == "max") return kNoLimit;
  return parse_number<uint64_t>(text).value_or(0);
}

std::map<std::string, uint64_t> parse_keyed(std::string_view text) {
  std::map<std::string, uint64_t> all;
  for (const std::string_view line : split(text, '\n')) {
    const size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    if (const auto value = parse_number<uint64_t>(line.substr(blank + 1)))
      all.emplace(line.substr(0, blank), *value);
  }
  return all;
}

Result<MemoryEntry> memory_entry_v1(const std::string& directory, std::string_view what) {
  const std::string name = what.empty() ? "memory" : fmt::format("memory.{}", what);
  MemoryEntry entry;
  HF_TRY(entry.usage, number_of(directory, name + ".usage_in_bytes"));
  HF_TRY(entry.max, number_of(directory, name + ".max_usage_in_bytes"));
  HF_TRY(entry.failcnt, number_of(directory, name + ".failcnt"));
  HF_TRY(entry.limit, number_of(directory, name + ".limit_in_bytes"));
  return entry;
}

Result<> memory_v1(const std::string& directory, Stats& stats) {
  HF_TRY(const std::string text, text_of(directory, "memory.stat"));
  stats.memory.raw = parse_keyed(text);
  stats.memory.cache = keyed(text, "cache").value_or(0);
  HF_TRY(stats.memory.usage, memory_entry_v1(directory, ""));
  HF_TRY(stats.memory.swap, memory_entry_v1(directory, "memsw"));
  HF_TRY(stats.memory.kernel, memory_entry_v1(directory, "kmem"));
  HF_TRY(stats.memory.kernel_tcp, memory_entry_v1(directory, "kmem.tcp"));
  return {};
}

Result<> memory_v2(const std::string& directory, Stats& stats) {
  HF_TRY(const std::string text, text_of(directory, "memory.stat"));
  stats.memory.raw = parse_keyed(text);
  stats.memory.cache = keyed(text, "file").value_or(0);
  MemoryEntry& usage = stats.memory.usage;
  HF_TRY(usage.usage, number_of(directory, "memory.current"));
  HF_TRY(usage.limit, number_of(directory, "memory.max"));
  HF_TRY(usage.max, number_of(directory, "memory.peak"));
  // Readers expect version 1's sum of memory and swap.
  MemoryEntry& swap = stats.memory.swap;
  HF_TRY(swap.usage, number_of(directory, "memory.swap.current"));
  HF_TRY(swap.limit, number_of(directory, "memory.swap.max"));
  swap.usage += usage.usage;
  if (swap.limit != kNoLimit)
    swap.limit = usage.limit == kNoLimit ? kNoLimit : swap.limit + usage.limit;
  return {};
}

// cpuacct.usage_all: a heading, then "0 USER SYSTEM" in nanoseconds for each CPU.
void parse_usage_all(std::string_view text, Stats& stats) {
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() != 3 || !parse_number<uint64_t>(fields[0])) continue;
    stats.cpu.percpu_user.push_back(parse_number<uint64_t>(fields[1]).value_or(0));
    stats.cpu.percpu_kernel.push_back(parse_number<uint64_t>(fields[2]).value_or(0));
  }
}

Result<> cpuacct(const std::string& directory, Stats& stats) {
  const auto ticks = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  HF_TRY(stats.cpu.total, number_of(directory, "cpuacct.usage"));
  HF_TRY(const std::string split_usage, text_of(directory, "cpuacct.stat"));
  stats.cpu.user = keyed(split_usage, "user").value_or(0) * (1000000000 / ticks);
  stats.cpu.kernel = keyed(split_usage, "system").value_or(0) * (1000000000 / ticks);
  HF_TRY(const std::string percpu, text_of(directory, "cpuacct.usage_percpu"));
  for (const std::string_view each : split(trim(percpu), ' '))
    stats.cpu.percpu.push_back(parse_number<uint64_t>(each).value_or(0));
  HF_TRY(const std::string all, text_of(directory, "cpuacct.usage_all"));
  parse_usage_all(all, stats);
  return {};
}

// cpu.stat; version 2 counts in microseconds and has the usage, too.
Result<> cpu(const std::string& directory, bool v2, Stats& stats) {
  HF_TRY(const std::string text, text_of(directory, "cpu.stat"));
  stats.cpu.periods = keyed(text, "nr_periods").value_or(0);
  stats.cpu.throttled_periods = keyed(text, "nr_throttled").value_or(0);
  stats.cpu.throttled_time = v2 ? keyed(text, "throttled_usec").value_or(0) * 1000
                                : keyed(text, "throttled_time").value_or(0);
  if (!v2) return {};
  stats.cpu.total = keyed(text, "usage_usec").value_or(0) * 1000;
  stats.cpu.user = keyed(text, "user_usec").value_or(0) * 1000;
  stats.cpu.kernel = keyed(text, "system_usec").value_or(0) * 1000;
  return {};
}

Result<> cpuset(const std::string& directory, Stats& stats) {
  HF_TRY(const std::string cpus, text_of(directory, "cpuset.cpus"));
  HF_TRY(const std::string mems, text_of(directory, "cpuset.mems"));
  stats.cpuset.cpus = parse_list_of_numbers(cpus);
  stats.cpuset.mems = parse_list_of_numbers(mems);
  for (const char* flag : {"cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate",
                           "memory_spread_page", "memory_spread_slab", "memory_pressure",
                           "sched_load_balance", "sched_relax_domain_level"}) {
    HF_TRY(const std::string text, text_of(directory, fmt::format("cpuset.{}", flag)));
    stats.cpuset.flags[flag] = parse_number<int64_t>(text).value_or(0);
  }
  return {};
}

struct BlockIoFile {
  const char* file;
  const char* name;
};

// The schedulers' own counters where there are any, else those of throttling. One set is taken
// whole.
Result<> block_io_v1(const std::string& directory, Stats& stats) {
  constexpr BlockIoFile kBfq[] = {
      {"blkio.bfq.io_service_bytes_recursive", "ioServiceBytesRecursive"},
      {"blkio.bfq.io_serviced_recursive", "ioServicedRecursive"},
      {"blkio.bfq.io_queued_recursive", "ioQueueRecursive"},
      {"blkio.bfq.io_service_time_recursive", "ioServiceTimeRecursive"},
      {"blkio.bfq.io_wait_time_recursive", "ioWaitTimeRecursive"},
      {"blkio.bfq.io_merged_recursive", "ioMergedRecursive"},
      {"blkio.bfq.time_recursive", "ioTimeRecursive"},
      {"blkio.bfq.sectors_recursive", "sectorsRecursive"}};
  constexpr BlockIoFile kCfq[] = {{"blkio.io_service_bytes_recursive", "ioServiceBytesRecursive"},
                                  {"blkio.io_serviced_recursive", "ioServicedRecursive"},
                                  {"blkio.io_queued_recursive", "ioQueueRecursive"},
                                  {"blkio.io_service_time_recursive", "ioServiceTimeRecursive"},
                                  {"blkio.io_wait_time_recursive", "ioWaitTimeRecursive"},
                                  {"blkio.io_merged_recursive", "ioMergedRecursive"},
                                  {"blkio.time_recursive", "ioTimeRecursive"},
                                  {"blkio.sectors_recursive", "sectorsRecursive"}};
  constexpr BlockIoFile kThrottle[] = {
      {"blkio.throttle.io_service_bytes_recursive", "ioServiceBytesRecursive"},
      {"blkio.throttle.io_serviced_recursive", "ioServicedRecursive"}};
  const auto take = [&](const auto& files) -> Result<> {
    for (const BlockIoFile& each : files) {
      HF_TRY(const std::string text, text_of(directory, each.file));
      auto entries = parse_block_io(text);
      if (!entries.empty()) stats.block_io[each.name] = std::move(entries);
    }
    return {};
  };
  HF_DO(take(kBfq));
  if (stats.block_io.empty()) HF_DO(take(kCfq));
  if (stats.block_io.empty()) HF_DO(take(kThrottle));
  return {};
}

// The page sizes are in the names: "hugetlb.2MB.failcnt", "hugetlb.2MB.events".
Result<> hugetlb(const std::string& directory, bool v2, Stats& stats) {
  auto opened = DirFd::open(directory);
  if (!opened)
    return opened.error().code == ENOENT ? Result<>{} : Failure(std::move(opened.error()));
  HF_TRY(const auto names, opened->list());
  const std::string ending = v2 ? ".current" : ".failcnt";
  for (const std::string& name : names) {
    if (name.substr(0, 8) != "hugetlb." || name.size() < ending.size() + 9 ||
        name.substr(name.size() - ending.size()) != ending ||
        name.find(".rsvd.") != std::string::npos)
      continue;
    const std::string size = name.substr(8, name.size() - 8 - ending.size());
    HugetlbEntry& entry = stats.hugetlb[size];
    if (v2) {
      HF_TRY(entry.usage, number_of(directory, name));
      HF_TRY(const std::string events, text_of(directory, fmt::format("hugetlb.{}.events", size)));
      entry.failcnt = keyed(events, "max").value_or(0);
    } else {
      HF_TRY(entry.usage, number_of(directory, fmt::format("hugetlb.{}.usage_in_bytes", size)));
      HF_TRY(entry.max, number_of(directory, fmt::format("hugetlb.{}.max_usage_in_bytes", size)));
      HF_TRY(entry.failcnt, number_of(directory, name));
    }
  }
  return {};
}

Result<> pids(const std::string& directory, Stats& stats) {
  HF_TRY(stats.pids.current, number_of(directory, "pids.current"));
  HF_TRY(stats.pids.limit, number_of(directory, "pids.max"));
  if (stats.pids.limit == kNoLimit) stats.pids.limit = 0;
  return {};
}

}  // namespace

std::vector<uint64_t> parse_list_of_numbers(std::string_view text) {
  constexpr uint64_t kMost = 65536;
  std::vector<uint64_t> all;
  for (const std::string_view part : split(trim(text), ',')) {
    const size_t dash = part.find('-');
    const auto first = parse_number<uint64_t>(part.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_number<uint64_t>(part.substr(dash + 1));
    if (!first || !last || *last >= kMost) return {};
    for (uint64_t each = *first; each <= *last; ++each) all.push_back(each);
  }
  return all;
}

std::vector<BlockIoEntry> parse_block_io(std::string_view text) {
  std::vector<BlockIoEntry> all;
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() != 2 && fields.size() != 3) continue;
    const auto numbers = split(fields[0], ':');
    if (numbers.size() != 2) continue;  // "Total 17"
    BlockIoEntry entry;
    entry.major = parse_number<uint64_t>(numbers[0]).value_or(0);
    entry.minor = parse_number<uint64_t>(numbers[1]).value_or(0);
    if (fields.size() == 3) entry.op = fields[1];
    entry.value = parse_number<uint64_t>(fields.back()).value_or(0);
    all.push_back(std::move(entry));
  }
  return all;
}

void parse_io_stat(std::string_view text, Stats& stats) {
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.empty()) continue;
    const auto numbers = split(fields[0], ':');
    if (numbers.size() != 2) continue;
    for (size_t i = 1; i < fields.size(); ++i) {
      const size_t equals = fields[i].find('=');
      if (equals == std::string_view::npos) continue;
      const std::string_view key = fields[i].substr(0, equals);
      const bool bytes = key == "rbytes" || key == "wbytes";
      if (!bytes && key != "rios" && key != "wios") continue;
      stats.block_io[bytes ? "ioServiceBytesRecursive" : "ioServicedRecursive"].push_back(
          {parse_number<uint64_t>(numbers[0]).value_or(0),
           parse_number<uint64_t>(numbers[1]).value_or(0), key[0] == 'r' ? "Read" : "Write",
           parse_number<uint64_t>(fields[i].substr(equals + 1)).value_or(0)});
    }
  }
}

Result<Stats> read_stats(const CgroupRecord& record) {
  Stats stats;
  for (const auto& each : record.directories) {
    const std::string& directory = each.directory;
    if (serves(each, "cpuacct")) HF_DO(cpuacct(directory, stats));
    if (serves(each, "cpu")) HF_DO(cpu(directory, false, stats));
    if (serves(each, "cpuset")) HF_DO(cpuset(directory, stats));
    if (serves(each, "memory")) HF_DO(memory_v1(directory, stats));
    if (serves(each, "pids")) HF_DO(pids(directory, stats));
    if (serves(each, "blkio")) HF_DO(block_io_v1(directory, stats));
    if (serves(each, "hugetlb")) HF_DO(hugetlb(directory, false, stats));
  }
  const auto* v2 = find_v2(record);
  if (!v2) return stats;
  if (!find_controller(record, "hugetlb")) HF_DO(hugetlb(v2->directory, true, stats));
  if (record.mode != HostFacts::Cgroup::kV2) return stats;
  HF_DO(cpu(v2->directory, true, stats));
  HF_DO(memory_v2(v2->directory, stats));
  HF_DO(pids(v2->directory, stats));
  HF_TRY(const std::string io, text_of(v2->directory, "io.stat"));
  parse_io_stat(io, stats);
  return stats;
}

}  // namespace cgroup

Result<std::string> cgroup_stats(const CgroupRecord& record, const std::string& id) {
  HF_TRY(const cgroup::Stats stats, cgroup::read_stats(record));
  return cgroup::encode_stats(stats, id);
}

Result<bool> oom_killed(const CgroupRecord& record) {
  const auto* v1 = cgroup::find_controller(record, "memory");
  const auto* place = v1 ? v1 : cgroup::find_v2(record);
  if (!place) return false;
  HF_TRY(const auto text,
         cgroup::read_control(place->directory, v1 ? "memory.oom_control" : "memory.events"));
  return text && cgroup::keyed(*text, "oom_kill").value_or(0) > 0;
}

}  // namespace holdfast
