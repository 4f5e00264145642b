#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/hierarchy.h"
#include "sandbox/kernel/cgroup/place.h"

namespace holdfast::cgroup {
namespace {

template <class T>
bool set(const std::optional<T>& value) {
  return value && *value != T{};
}

void memory_needs(const oci::MemoryResources& memory, std::vector<Need>& all) {
  if (set(memory.limit))
    all.push_back({"linux.resources.memory.limit", "memory", "memory"});
  else if (set(memory.swap))
    all.push_back({"linux.resources.memory.swap", "memory", "memory"});
  else if (set(memory.reservation))
    all.push_back({"linux.resources.memory.reservation", "memory", "memory"});
}

void cpu_needs(const oci::CpuResources& cpu, std::vector<Need>& all) {
  if (set(cpu.shares))
    all.push_back({"linux.resources.cpu.shares", "cpu", "cpu"});
  else if (set(cpu.quota))
    all.push_back({"linux.resources.cpu.quota", "cpu", "cpu"});
  else if (set(cpu.period))
    all.push_back({"linux.resources.cpu.period", "cpu", "cpu"});
  else if (set(cpu.idle))
    all.push_back({"linux.resources.cpu.idle", "cpu", "cpu"});
  if (set(cpu.realtime_runtime) || set(cpu.realtime_period))
    all.push_back({"linux.resources.cpu.realtimeRuntime", "cpu", ""});
  if (!cpu.cpus.empty())
    all.push_back({"linux.resources.cpu.cpus", "cpuset", "cpuset"});
  else if (!cpu.mems.empty())
    all.push_back({"linux.resources.cpu.mems", "cpuset", "cpuset"});
}

bool any(const oci::BlockIoResources& io) {
  return set(io.weight) || set(io.leaf_weight) || !io.weight_device.empty() ||
         !io.throttle_read_bps.empty() || !io.throttle_write_bps.empty() ||
         !io.throttle_read_iops.empty() || !io.throttle_write_iops.empty();
}

}  // namespace

std::vector<Need> needs(const oci::Resources& resources) {
  std::vector<Need> all;
  if (resources.memory) memory_needs(*resources.memory, all);
  if (resources.cpu) cpu_needs(*resources.cpu, all);
  if (resources.pids && set(resources.pids->limit))
    all.push_back({"linux.resources.pids.limit", "pids", "pids"});
  if (resources.block_io && any(*resources.block_io))
    all.push_back({"linux.resources.blockIO", "blkio", "io"});
  if (!resources.hugepage_limits.empty())
    all.push_back({"linux.resources.hugepageLimits", "hugetlb", "hugetlb"});
  if (resources.network && set(resources.network->class_id))
    all.push_back({"linux.resources.network.classID", "net_cls", ""});
  if (resources.network && !resources.network->priorities.empty())
    all.push_back({"linux.resources.network.priorities", "net_prio", ""});
  if (!resources.rdma.empty()) all.push_back({"linux.resources.rdma", "rdma", "rdma"});
  return all;
}

Result<> check_controllers(const CgroupRecord& record, const oci::Resources& resources) {
  const auto wanted = needs(resources);
  if (wanted.empty() && resources.unified.empty()) return {};
  const auto* v2 = find_v2(record);
  std::optional<std::string> offered;  // by version 2: read once, and only if version 1 has it not
  const auto offers = [&](std::string_view controller) -> Result<bool> {
    if (!v2) return false;
    if (!offered) {
      HF_TRY(auto text, read_control(v2->directory, "cgroup.controllers"));
      offered = text.value_or("");
    }
    return lists(*offered, controller, ' ');
  };
  for (const Need& each : wanted) {
    if (find_controller(record, each.v1)) continue;
    if (!each.v2.empty()) {
      HF_TRY(const bool there, offers(each.v2));
      if (there) continue;
    }
    if (!record.without.empty() && record.directories.empty())
      return error("{}: cannot be set without a cgroup ({})", each.field, record.without);
    if (record.mode == HostFacts::Cgroup::kV2 && each.v2.empty())
      return error("{}: cgroup version 2 has no such control", each.field);
    return error("{}: the {} controller is not available to the container{}{}", each.field,
                 record.mode == HostFacts::Cgroup::kV2 ? each.v2 : each.v1,
                 record.without.empty() ? "" : ": ", record.without);
  }
  if (!resources.unified.empty() && !v2)
    return error("linux.resources.unified: the host has no cgroup version 2 hierarchy");
  for (const auto& [name, value] : resources.unified) {
    const size_t dot = name.find('.');
    const std::string controller = name.substr(0, dot);
    if (controller == "cgroup") continue;
    HF_TRY(const bool there, offers(controller));
    if (!there)
      return error(
          "linux.resources.unified.{}: the {} controller is not available to the container", name,
          controller);
  }
  return {};
}

}  // namespace holdfast::cgroup
