#include "core/json/writer.h"
#include "sandbox/kernel/cgroup/stats.h"

namespace holdfast::cgroup {
namespace {

using json::Writer;

// Left out when 0, as readers of runc's document know it.
void some(Writer& out, std::string_view name, uint64_t value) {
  if (value == 0) return;
  out.key(name);
  out.number(value);
}
void always(Writer& out, std::string_view name, uint64_t value) {
  out.key(name);
  out.number(value);
}
void some(Writer& out, std::string_view name, const std::vector<uint64_t>& values) {
  if (values.empty()) return;
  out.key(name);
  out.begin_array();
  for (const uint64_t each : values) out.number(each);
  out.end_array();
}

void cpu(Writer& out, const Stats& stats) {
  out.key("cpu");
  out.begin_object();
  out.key("usage");
  out.begin_object();
  some(out, "total", stats.cpu.total);
  some(out, "percpu", stats.cpu.percpu);
  some(out, "percpu_kernel", stats.cpu.percpu_kernel);
  some(out, "percpu_user", stats.cpu.percpu_user);
  always(out, "kernel", stats.cpu.kernel);
  always(out, "user", stats.cpu.user);
  out.end_object();
  out.key("throttling");
  out.begin_object();
  some(out, "periods", stats.cpu.periods);
  some(out, "throttledPeriods", stats.cpu.throttled_periods);
  some(out, "throttledTime", stats.cpu.throttled_time);
  out.end_object();
  out.end_object();
}

void cpuset(Writer& out, const Stats& stats) {
  const auto flag = [&](const char* name) {
    const auto found = stats.cpuset.flags.find(name);
    out.key(name);
    out.number(found == stats.cpuset.flags.end() ? int64_t{0} : found->second);
  };
  out.key("cpuset");
  out.begin_object();
  some(out, "cpus", stats.cpuset.cpus);
  flag("cpu_exclusive");
  some(out, "mems", stats.cpuset.mems);
  for (const char* name :
       {"mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
        "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level"})
    flag(name);
  out.end_object();
}

void memory_entry(Writer& out, std::string_view name, const MemoryEntry& entry) {
  out.key(name);
  out.begin_object();
  always(out, "limit", entry.limit);
  some(out, "usage", entry.usage);
  some(out, "max", entry.max);
  always(out, "failcnt", entry.failcnt);
  out.end_object();
}

void memory(Writer& out, const Stats& stats) {
  out.key("memory");
  out.begin_object();
  some(out, "cache", stats.memory.cache);
  memory_entry(out, "usage", stats.memory.usage);
  memory_entry(out, "swap", stats.memory.swap);
  memory_entry(out, "kernel", stats.memory.kernel);
  memory_entry(out, "kernelTCP", stats.memory.kernel_tcp);
  if (!stats.memory.raw.empty()) {
    out.key("raw");
    out.begin_object();
    for (const auto& [name, value] : stats.memory.raw) always(out, name, value);
    out.end_object();
  }
  out.end_object();
}

void block_io(Writer& out, const Stats& stats) {
  out.key("blkio");
  out.begin_object();
  for (const auto& [name, entries] : stats.block_io) {
    out.key(name);
    out.begin_array();
    for (const BlockIoEntry& each : entries) {
      out.begin_object();
      some(out, "major", each.major);
      some(out, "minor", each.minor);
      if (!each.op.empty()) {
        out.key("op");
        out.string(each.op);
      }
      some(out, "value", each.value);
      out.end_object();
    }
    out.end_array();
  }
  out.end_object();
}

void hugetlb(Writer& out, const Stats& stats) {
  out.key("hugetlb");
  out.begin_object();
  for (const auto& [size, entry] : stats.hugetlb) {
    out.key(size);
    out.begin_object();
    some(out, "usage", entry.usage);
    some(out, "max", entry.max);
    always(out, "failcnt", entry.failcnt);
    out.end_object();
  }
  out.end_object();
}

}  // namespace

std::string encode_stats(const Stats& stats, const std::string& id) {
  Writer out(json::Layout::kCompact);
  out.begin_object();
  out.key("type");
  out.string("stats");
  out.key("id");
  out.string(id);
  out.key("data");
  out.begin_object();
  cpu(out, stats);
  cpuset(out, stats);
  memory(out, stats);
  out.key("pids");
  out.begin_object();
  some(out, "current", stats.pids.current);
  some(out, "limit", stats.pids.limit);
  out.end_object();
  block_io(out, stats);
  hugetlb(out, stats);
  // What other parts of an engine measure has its place in the document all the same.
  out.key("intel_rdt");
  out.begin_object();
  out.end_object();
  out.key("network_interfaces");
  out.null();
  out.end_object();
  out.end_object();
  return std::move(out).take();
}

}  // namespace holdfast::cgroup
