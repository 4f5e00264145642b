// merge_resources: what an update leaves of a container's limits.
#include "profiles/policy/limits.h"

namespace holdfast {
namespace {

template <class T>
void take(std::optional<T>& into, const std::optional<T>& from) {
  if (from) into = from;
}

void merge(oci::MemoryResources& into, const oci::MemoryResources& from) {
  take(into.limit, from.limit);
  take(into.reservation, from.reservation);
  take(into.swap, from.swap);
  take(into.kernel, from.kernel);
  take(into.kernel_tcp, from.kernel_tcp);
  take(into.swappiness, from.swappiness);
  take(into.disable_oom_killer, from.disable_oom_killer);
  take(into.use_hierarchy, from.use_hierarchy);
  take(into.check_before_update, from.check_before_update);
}

void merge(oci::CpuResources& into, const oci::CpuResources& from) {
  take(into.shares, from.shares);
  take(into.period, from.period);
  take(into.realtime_period, from.realtime_period);
  take(into.burst, from.burst);
  take(into.quota, from.quota);
  take(into.realtime_runtime, from.realtime_runtime);
  take(into.idle, from.idle);
  if (!from.cpus.empty()) into.cpus = from.cpus;
  if (!from.mems.empty()) into.mems = from.mems;
}

// By device, the later one counts.
template <class Device, class Merge>
void merge_devices(std::vector<Device>& into, const std::vector<Device>& from, Merge merge_one) {
  for (const Device& each : from) {
    bool known = false;
    for (Device& mine : into) {
      if (mine.major != each.major || mine.minor != each.minor) continue;
      merge_one(mine, each);
      known = true;
    }
    if (!known) into.push_back(each);
  }
}

void merge(oci::BlockIoResources& into, const oci::BlockIoResources& from) {
  take(into.weight, from.weight);
  take(into.leaf_weight, from.leaf_weight);
  merge_devices(into.weight_device, from.weight_device, [](auto& mine, const auto& theirs) {
    take(mine.weight, theirs.weight);
    take(mine.leaf_weight, theirs.leaf_weight);
  });
  const auto rate = [](auto& mine, const auto& theirs) { mine.rate = theirs.rate; };
  merge_devices(into.throttle_read_bps, from.throttle_read_bps, rate);
  merge_devices(into.throttle_write_bps, from.throttle_write_bps, rate);
  merge_devices(into.throttle_read_iops, from.throttle_read_iops, rate);
  merge_devices(into.throttle_write_iops, from.throttle_write_iops, rate);
}

template <class T>
void merge_part(std::optional<T>& into, const std::optional<T>& from) {
  if (!from) return;
  if (!into) into.emplace();
  merge(*into, *from);
}

// A control file that `unified` had set is overwritten by the field that is written now.
void forget_overwritten(oci::StringMap& unified, const oci::Resources& changes) {
  const auto forget = [&](bool written, std::initializer_list<const char*> files) {
    for (const char* file : files)
      if (written) unified.erase(file);
  };
  const auto& memory = changes.memory;
  const auto& cpu = changes.cpu;
  forget(memory && memory->limit, {"memory.max"});
  forget(memory && memory->swap, {"memory.swap.max"});
  forget(memory && memory->reservation, {"memory.low"});
  forget(cpu && (cpu->quota || cpu->period), {"cpu.max"});
  forget(cpu && cpu->burst, {"cpu.max.burst"});
  forget(cpu && cpu->shares, {"cpu.weight"});
  forget(changes.pids.has_value(), {"pids.max"});
  forget(changes.block_io && changes.block_io->weight, {"io.weight", "io.bfq.weight"});
  for (const oci::HugepageLimit& each : changes.hugepage_limits) {
    unified.erase("hugetlb." + each.page_size + ".max");
    unified.erase("hugetlb." + each.page_size + ".rsvd.max");
  }
}

// Who changes the quota or the period alone keeps the other, wherever it was given.
void separate_bandwidth(oci::Resources& base, const oci::Resources& changes) {
  if (!changes.cpu || !(changes.cpu->quota || changes.cpu->period)) return;
  if (!base.unified.contains("cpu.max")) return;
  const auto held = cpu_bandwidth(base);
  if (!base.cpu) base.cpu.emplace();
  base.cpu->quota = held->quota;
  base.cpu->period = held->period;
}

}  // namespace

oci::Resources merge_resources(oci::Resources base, const oci::Resources& changes) {
  separate_bandwidth(base, changes);
  forget_overwritten(base.unified, changes);
  merge_part(base.memory, changes.memory);
  merge_part(base.cpu, changes.cpu);
  if (changes.pids) base.pids = changes.pids;
  merge_part(base.block_io, changes.block_io);
  for (const oci::HugepageLimit& each : changes.hugepage_limits) {
    std::erase_if(base.hugepage_limits,
                  [&](const auto& mine) { return mine.page_size == each.page_size; });
    base.hugepage_limits.push_back(each);
  }
  if (changes.network) base.network = changes.network;
  for (const auto& [device, limit] : changes.rdma) base.rdma[device] = limit;
  for (const auto& [file, value] : changes.unified) base.unified[file] = value;
  return base;
}

}  // namespace holdfast
