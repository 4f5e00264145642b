#include "sandbox/kernel/cgroup/limits.h"

namespace holdfast::cgroup {
namespace {

template <class T>
bool set(const std::optional<T>& value) {
  return value && *value != T{};
}

Write plain(std::string controller, std::string file, std::string value, std::string field,
            OnFailure on_failure = OnFailure::kReport) {
  return {std::move(controller),
          std::move(file),
          std::move(value),
          std::move(field),
          on_failure,
          {},
          {}};
}

// limit and memory+swap are ordered by apply_limits, which knows what is set now.
Result<> memory(const oci::MemoryResources& asked, std::vector<Write>& all) {
  constexpr const char* kMemory = "memory";
  if (set(asked.limit))
    all.push_back(plain(kMemory, "memory.limit_in_bytes", fmt::format("{}", *asked.limit),
                        "linux.resources.memory.limit"));
  // No limit of memory and none asked for memory+swap: the latter follows.
  const bool unlimited = asked.limit == -1 && !set(asked.swap);
  if (set(asked.swap) || unlimited)
    all.push_back(
        plain(kMemory, "memory.memsw.limit_in_bytes",
              fmt::format("{}", unlimited ? -1 : *asked.swap), "linux.resources.memory.swap",
              unlimited || asked.swap == -1 ? OnFailure::kAbsentIsFine : OnFailure::kReport));
  if (set(asked.reservation))
    all.push_back(plain(kMemory, "memory.soft_limit_in_bytes",
                        fmt::format("{}", *asked.reservation),
                        "linux.resources.memory.reservation"));
  if (set(asked.disable_oom_killer))
    all.push_back(
        plain(kMemory, "memory.oom_control", "1", "linux.resources.memory.disableOOMKiller"));
  if (asked.swappiness && *asked.swappiness != UINT64_MAX) {  // -1: as it is
    if (*asked.swappiness > 100)
      return error("linux.resources.memory.swappiness: {} is not in 0 to 100", *asked.swappiness);
    all.push_back(plain(kMemory, "memory.swappiness", fmt::format("{}", *asked.swappiness),
                        "linux.resources.memory.swappiness"));
  }
  return {};
}

void cpu(const oci::CpuResources& asked, std::vector<Write>& all) {
  const auto add = [&all](const char* file, const auto& value, const char* field,
                          OnFailure on_failure = OnFailure::kReport) {
    if (set(value))
      all.push_back(plain("cpu", file, fmt::format("{}", *value),
                          fmt::format("linux.resources.cpu.{}", field), on_failure));
  };
  // A realtime budget must be there before a realtime process can join: period first, it bounds.
  add("cpu.rt_period_us", asked.realtime_period, "realtimePeriod");
  add("cpu.rt_runtime_us", asked.realtime_runtime, "realtimeRuntime");
  add("cpu.shares", asked.shares, "shares");
  const OnFailure retry = set(asked.quota) ? OnFailure::kRetryLater : OnFailure::kReport;
  add("cpu.cfs_period_us", asked.period, "period", retry);
  if (asked.burst)
    all.push_back(plain("cpu", "cpu.cfs_burst_us", fmt::format("{}", *asked.burst),
                        "linux.resources.cpu.burst",
                        *asked.burst == 0 ? OnFailure::kAbsentIsFine : retry));
  add("cpu.cfs_quota_us", asked.quota, "quota");
  if (asked.idle)
    all.push_back(plain("cpu", "cpu.idle", fmt::format("{}", *asked.idle),
                        "linux.resources.cpu.idle",
                        *asked.idle == 0 ? OnFailure::kAbsentIsFine : OnFailure::kReport));
  if (!asked.cpus.empty())
    all.push_back(plain("cpuset", "cpuset.cpus", asked.cpus, "linux.resources.cpu.cpus"));
  if (!asked.mems.empty())
    all.push_back(plain("cpuset", "cpuset.mems", asked.mems, "linux.resources.cpu.mems"));
}

void block_io(const oci::BlockIoResources& asked, std::vector<Write>& all) {
  constexpr const char* kField = "linux.resources.blockIO.";
  const auto add = [&](const char* file, std::string value, const char* field,
                       const char* other = "") {
    all.push_back({"blkio", file, std::move(value), fmt::format("{}{}", kField, field),
                   OnFailure::kReport, other, ""});
  };
  // The CFQ names, then those of its successor BFQ.
  if (set(asked.weight))
    add("blkio.weight", fmt::format("{}", *asked.weight), "weight", "blkio.bfq.weight");
  if (set(asked.leaf_weight))
    add("blkio.leaf_weight", fmt::format("{}", *asked.leaf_weight), "leafWeight");
  for (const auto& each : asked.weight_device) {
    if (set(each.weight))
      add("blkio.weight_device", fmt::format("{}:{} {}", each.major, each.minor, *each.weight),
          "weightDevice", "blkio.bfq.weight_device");
    if (set(each.leaf_weight))
      add("blkio.leaf_weight_device",
          fmt::format("{}:{} {}", each.major, each.minor, *each.leaf_weight), "weightDevice");
  }
  const auto throttle = [&](const char* file, const std::vector<oci::ThrottleDevice>& devices,
                            const char* field) {
    for (const auto& each : devices)
      add(file, fmt::format("{}:{} {}", each.major, each.minor, each.rate), field);
  };
  throttle("blkio.throttle.read_bps_device", asked.throttle_read_bps, "throttleReadBpsDevice");
  throttle("blkio.throttle.write_bps_device", asked.throttle_write_bps, "throttleWriteBpsDevice");
  throttle("blkio.throttle.read_iops_device", asked.throttle_read_iops, "throttleReadIOPSDevice");
  throttle("blkio.throttle.write_iops_device", asked.throttle_write_iops,
           "throttleWriteIOPSDevice");
}

void network(const oci::NetworkResources& asked, std::vector<Write>& all) {
  if (set(asked.class_id))
    all.push_back(plain("net_cls", "net_cls.classid", fmt::format("{}", *asked.class_id),
                        "linux.resources.network.classID"));
  for (const auto& each : asked.priorities)
    all.push_back(plain("net_prio", "net_prio.ifpriomap",
                        fmt::format("{} {}", each.name, each.priority),
                        "linux.resources.network.priorities"));
}

}  // namespace

std::string rdma_value(const std::string& device, const oci::RdmaLimit& limit) {
  std::string value = device;
  if (limit.hca_handles) value += fmt::format(" hca_handle={}", *limit.hca_handles);
  if (limit.hca_objects) value += fmt::format(" hca_object={}", *limit.hca_objects);
  return value;
}

Result<std::vector<Write>> v1_writes(const oci::Resources& asked) {
  std::vector<Write> all;
  if (asked.memory) HF_DO(memory(*asked.memory, all));
  if (asked.cpu) cpu(*asked.cpu, all);
  if (asked.pids && set(asked.pids->limit))
    all.push_back(plain("pids", "pids.max",
                        *asked.pids->limit < 0 ? "max" : fmt::format("{}", *asked.pids->limit),
                        "linux.resources.pids.limit"));
  if (asked.block_io) block_io(*asked.block_io, all);
  for (const auto& each : asked.hugepage_limits) {
    const std::string value = fmt::format("{}", each.limit);
    HF_DO(check_page_size(each.page_size));
    all.push_back(plain("hugetlb", fmt::format("hugetlb.{}.limit_in_bytes", each.page_size), value,
                        "linux.resources.hugepageLimits"));
    all.push_back(plain("hugetlb", fmt::format("hugetlb.{}.rsvd.limit_in_bytes", each.page_size),
                        value, "linux.resources.hugepageLimits", OnFailure::kAbsentIsFine));
  }
  if (asked.network) network(*asked.network, all);
  for (const auto& [device, limit] : asked.rdma)
    all.push_back(plain("rdma", "rdma.max", rdma_value(device, limit), "linux.resources.rdma"));
  return all;
}

}  // namespace holdfast::cgroup
