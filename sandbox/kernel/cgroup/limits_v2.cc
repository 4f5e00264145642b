#include <cmath>

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

std::string number_or_max(int64_t value) { return value == -1 ? "max" : fmt::format("{}", value); }

Result<> memory(const oci::MemoryResources& asked, std::vector<Write>& all) {
  // Swap before memory: lowering memory first could push into swap what the new limit forbids.
  HF_TRY(const std::string swap, swap_max(asked.swap.value_or(0), asked.limit.value_or(0)));
  if (!swap.empty())
    all.push_back(
        plain("memory", "memory.swap.max", swap, "linux.resources.memory.swap",
              // A kernel without swap accounting has no swap to give, and none to limit.
              swap == "0" || swap == "max" ? OnFailure::kAbsentIsFine : OnFailure::kReport));
  if (set(asked.limit))
    all.push_back(
        plain("memory", "memory.max", number_or_max(*asked.limit), "linux.resources.memory.limit"));
  if (set(asked.reservation))
    all.push_back(plain("memory", "memory.low", number_or_max(*asked.reservation),
                        "linux.resources.memory.reservation"));
  return {};
}

void cpu(const oci::CpuResources& asked, std::vector<Write>& all) {
  if (asked.idle)
    all.push_back(plain("cpu", "cpu.idle", fmt::format("{}", *asked.idle),
                        "linux.resources.cpu.idle",
                        *asked.idle == 0 ? OnFailure::kAbsentIsFine : OnFailure::kReport));
  // An idle group has no weight to set.
  if (set(asked.shares) && !set(asked.idle))
    all.push_back(plain("cpu", "cpu.weight", fmt::format("{}", cpu_weight(*asked.shares)),
                        "linux.resources.cpu.shares"));
  const bool max = set(asked.quota) || set(asked.period);
  if (asked.burst)
    all.push_back(plain("cpu", "cpu.max.burst", fmt::format("{}", *asked.burst),
                        "linux.resources.cpu.burst",
                        *asked.burst == 0 ? OnFailure::kAbsentIsFine
                                          : (max ? OnFailure::kRetryLater : OnFailure::kReport)));
  if (max) {
    // "$MAX $PERIOD"; "=" stands for what is set now, filled in by apply_limits.
    const std::string quota = !set(asked.quota)  ? "="
                              : *asked.quota > 0 ? fmt::format("{}", *asked.quota)
                                                 : "max";
    const std::string period = set(asked.period) ? fmt::format("{}", *asked.period) : "=";
    all.push_back(
        plain("cpu", "cpu.max", fmt::format("{} {}", quota, period),
              set(asked.quota) ? "linux.resources.cpu.quota" : "linux.resources.cpu.period"));
  }
  if (!asked.cpus.empty())
    all.push_back(plain("cpuset", "cpuset.cpus", asked.cpus, "linux.resources.cpu.cpus"));
  if (!asked.mems.empty())
    all.push_back(plain("cpuset", "cpuset.mems", asked.mems, "linux.resources.cpu.mems"));
}

void block_io(const oci::BlockIoResources& asked, std::vector<Write>& all) {
  // BFQ takes the weight as it is; io.weight has another range.
  if (set(asked.weight))
    all.push_back({"io", "io.bfq.weight", fmt::format("{}", *asked.weight),
                   "linux.resources.blockIO.weight", OnFailure::kReport, "io.weight",
                   fmt::format("{}", io_weight(*asked.weight))});
  for (const auto& each : asked.weight_device)
    if (set(each.weight))
      all.push_back({"io", "io.bfq.weight",
                     fmt::format("{}:{} {}", each.major, each.minor, *each.weight),
                     "linux.resources.blockIO.weightDevice", OnFailure::kReport, "io.weight",
                     fmt::format("{}:{} {}", each.major, each.minor, io_weight(*each.weight))});
  const auto throttle = [&](const char* key, const std::vector<oci::ThrottleDevice>& devices,
                            const char* field) {
    for (const auto& each : devices)
      all.push_back(plain("io", "io.max",
                          each.rate == 0
                              ? fmt::format("{}:{} {}=max", each.major, each.minor, key)
                              : fmt::format("{}:{} {}={}", each.major, each.minor, key, each.rate),
                          fmt::format("linux.resources.blockIO.{}", field)));
  };
  throttle("rbps", asked.throttle_read_bps, "throttleReadBpsDevice");
  throttle("wbps", asked.throttle_write_bps, "throttleWriteBpsDevice");
  throttle("riops", asked.throttle_read_iops, "throttleReadIOPSDevice");
  throttle("wiops", asked.throttle_write_iops, "throttleWriteIOPSDevice");
}

}  // namespace

uint64_t cpu_weight(uint64_t shares) {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const double log = std::log2(static_cast<double>(shares));
  return static_cast<uint64_t>(
      std::ceil(std::pow(10, (log * log + 125 * log) / 612.0 - 7.0 / 34.0)));
}

uint64_t io_weight(uint64_t weight) { return weight == 0 ? 0 : 1 + (weight - 10) * 9999 / 990; }

Result<std::string> swap_max(int64_t memory_and_swap, int64_t memory) {
  if (memory == -1 && memory_and_swap == 0) return "max";
  if (memory_and_swap == -1) return "max";
  if (memory_and_swap == 0) return "";
  if (memory_and_swap < -1)
    return error("linux.resources.memory.swap: {} is negative", memory_and_swap);
  if (memory == 0 || memory == -1)
    return error("linux.resources.memory.swap: unable to set swap limit without memory limit");
  if (memory < 0) return error("linux.resources.memory.limit: {} is negative", memory);
  if (memory_and_swap < memory)
    return error("linux.resources.memory.swap: memory+swap limit should be >= memory limit");
  return fmt::format("{}", memory_and_swap - memory);
}

Result<> check_page_size(const std::string& size) {
  const size_t digits = size.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string::npos ||
      (size.substr(digits) != "KB" && size.substr(digits) != "MB" && size.substr(digits) != "GB"))
    return error("linux.resources.hugepageLimits: \"{}\" is no page size, such as \"2MB\"", size);
  return {};
}

Result<std::vector<Write>> hugetlb_v2_writes(const oci::Resources& asked) {
  std::vector<Write> all;
  for (const auto& each : asked.hugepage_limits) {
    HF_DO(check_page_size(each.page_size));
    const std::string value = fmt::format("{}", each.limit);
    all.push_back(plain("hugetlb", fmt::format("hugetlb.{}.max", each.page_size), value,
                        "linux.resources.hugepageLimits"));
    all.push_back(plain("hugetlb", fmt::format("hugetlb.{}.rsvd.max", each.page_size), value,
                        "linux.resources.hugepageLimits", OnFailure::kAbsentIsFine));
  }
  return all;
}

Result<std::vector<Write>> unified_writes(const oci::Resources& asked) {
  std::vector<Write> all;
  for (const auto& [name, value] : asked.unified) {
    if (name.find('/') != std::string::npos)
      return error("linux.resources.unified: \"{}\" must be a file name (no slashes)", name);
    const size_t dot = name.find('.');
    if (dot == std::string::npos || dot == 0 || dot + 1 == name.size())
      return error("linux.resources.unified: \"{}\" must be in the form CONTROLLER.PARAMETER",
                   name);
    // cgroup.procs, cgroup.kill and the like act on processes; they limit nothing.
    const std::string file = name.substr(0, dot) == "cgroup" ? name.substr(dot + 1) : "";
    if (file == "procs" || file == "threads" || file == "type" || file == "kill" ||
        file == "freeze")
      return error("linux.resources.unified: \"{}\" is not a resource", name);
    all.push_back(
        plain(name.substr(0, dot), name, value, fmt::format("linux.resources.unified.{}", name)));
  }
  return all;
}

Result<std::vector<Write>> v2_writes(const oci::Resources& asked) {
  std::vector<Write> all;
  if (asked.memory) HF_DO(memory(*asked.memory, all));
  if (asked.cpu) cpu(*asked.cpu, all);
  if (asked.pids && set(asked.pids->limit))
    all.push_back(plain("pids", "pids.max",
                        *asked.pids->limit < 0 ? "max" : fmt::format("{}", *asked.pids->limit),
                        "linux.resources.pids.limit"));
  if (asked.block_io) block_io(*asked.block_io, all);
  HF_TRY(auto hugetlb, hugetlb_v2_writes(asked));
  for (auto& each : hugetlb) all.push_back(std::move(each));
  for (const auto& [device, limit] : asked.rdma)
    all.push_back(plain("rdma", "rdma.max", rdma_value(device, limit), "linux.resources.rdma"));
  return all;
}

}  // namespace holdfast::cgroup
