#include "sandbox/kernel/cgroup/unit_properties.h"

#include "sandbox/kernel/cgroup/limits.h"
#include "sandbox/kernel/cgroup/stats.h"

namespace holdfast::cgroup {
namespace {

template <class T>
bool set(const std::optional<T>& value) {
  return value && *value != T{};
}

UnitProperty text(std::string name, std::string value) {
  return {std::move(name), "s", {std::move(value)}};
}
UnitProperty flag(std::string name, bool value) {
  return {std::move(name), "b", {value ? "true" : "false"}};
}
// -1 becomes the highest number, which is systemd's "infinity".
UnitProperty number(std::string name, uint64_t value) {
  return {std::move(name), "t", {fmt::format("{}", value)}};
}

bool is_slice(std::string_view unit) {
  return unit.size() > 6 && unit.substr(unit.size() - 6) == ".slice";
}

void cpu_quota(std::optional<int64_t> quota, std::optional<uint64_t> period,
               std::vector<UnitProperty>& all) {
  constexpr uint64_t kUsualPeriod = 100000, kPercent = 10000;
  if (set(period)) all.push_back(number("CPUQuotaPeriodUSec", *period));
  if (!set(quota) && !set(period)) return;
  uint64_t per_second = UINT64_MAX;
  if (set(quota) && *quota > 0) {
    per_second = static_cast<uint64_t>(*quota) * 1000000 / (set(period) ? *period : kUsualPeriod);
    // systemd counts in whole per cent: rounded up, so that our exact value fits below it.
    per_second = (per_second + kPercent - 1) / kPercent * kPercent;
  }
  all.push_back(number("CPUQuotaPerSecUSec", per_second));
}

Result<> cpusets(std::string_view cpus, std::string_view mems, std::vector<UnitProperty>& all) {
  if (!cpus.empty()) {
    HF_TRY(auto mask, with_context(cpu_mask(cpus), "linux.resources.cpu.cpus"));
    all.push_back({"AllowedCPUs", "ay", std::move(mask)});
  }
  if (!mems.empty()) {
    HF_TRY(auto mask, with_context(cpu_mask(mems), "linux.resources.cpu.mems"));
    all.push_back({"AllowedMemoryNodes", "ay", std::move(mask)});
  }
  return {};
}

Result<> memory(const oci::MemoryResources& asked, bool v2, std::vector<UnitProperty>& all) {
  if (set(asked.limit))
    all.push_back(number(v2 ? "MemoryMax" : "MemoryLimit", static_cast<uint64_t>(*asked.limit)));
  if (!v2) return {};
  if (set(asked.reservation))
    all.push_back(number("MemoryLow", static_cast<uint64_t>(*asked.reservation)));
  HF_TRY(const std::string swap, swap_max(asked.swap.value_or(0), asked.limit.value_or(0)));
  if (!swap.empty())
    all.push_back(number("MemorySwapMax",
                         swap == "max" ? UINT64_MAX : parse_number<uint64_t>(swap).value_or(0)));
  return {};
}

// Those keys of `unified` that systemd knows; the others are only written.
Result<> unified(const oci::StringMap& keys, std::vector<UnitProperty>& all) {
  constexpr std::pair<const char*, const char*> kNumbers[] = {
      {"cpu.weight", "CPUWeight"}, {"memory.high", "MemoryHigh"},
      {"memory.low", "MemoryLow"}, {"memory.max", "MemoryMax"},
      {"memory.min", "MemoryMin"}, {"memory.swap.max", "MemorySwapMax"},
      {"pids.max", "TasksMax"}};
  for (const auto& [key, raw] : keys) {
    const std::string_view value = trim(raw);
    for (const auto& [file, name] : kNumbers) {
      if (key != file) continue;
      const auto parsed = value == "max" ? UINT64_MAX : parse_number<uint64_t>(value);
      if (!parsed) return error("linux.resources.unified.{}: \"{}\" is no number", key, raw);
      all.push_back(number(name, *parsed));
    }
    if (key == "cpuset.cpus") HF_DO(cpusets(value, "", all));
    if (key == "cpuset.mems") HF_DO(cpusets("", value, all));
    if (key == "cpu.max") {
      const auto parts = split(value, ' ');
      const auto quota = parts[0] == "max" ? int64_t{-1} : parse_number<int64_t>(parts[0]);
      const auto period = parts.size() > 1 ? parse_number<uint64_t>(parts[1]) : uint64_t{100000};
      if (!quota || !period || parts.size() > 2)
        return error("linux.resources.unified.cpu.max: \"{}\" is not \"QUOTA PERIOD\"", raw);
      cpu_quota(quota, period, all);
    }
  }
  return {};
}

// "136 pts" below "Character devices:" -> "pts".
std::string_view group_of(std::string_view devices, char type, int64_t major) {
  const std::string_view heading = type == 'b' ? "Block devices:" : "Character devices:";
  bool inside = false;
  for (const std::string_view line : split(devices, '\n')) {
    if (!line.empty() && line.back() == ':') inside = line == heading;
    const std::string_view words = trim(line);
    const size_t blank = words.find(' ');
    if (!inside || blank == std::string_view::npos) continue;
    if (parse_number<int64_t>(words.substr(0, blank)) == major) return words.substr(blank + 1);
  }
  return {};
}

}  // namespace

std::vector<UnitProperty> scope_properties(const CgroupRecord& record, pid_t pid) {
  const bool v2 = record.mode == HostFacts::Cgroup::kV2;
  std::vector<UnitProperty> all;
  all.push_back(text("Description", fmt::format("holdfast container {}", record.unit)));
  // A slice hangs below its parent by its name; it has no process of its own and is not delegated.
  if (is_slice(record.unit)) {
    all.push_back({"Wants", "as", {record.slice}});
  } else {
    all.push_back(text("Slice", record.slice));
    all.push_back({"PIDs", "au", {fmt::format("{}", pid)}});
    all.push_back(flag("Delegate", true));
  }
  // Accounting moves the scope into the controllers' cgroups from the start.
  for (const char* name : {"MemoryAccounting", "CPUAccounting",
                           v2 ? "IOAccounting" : "BlockIOAccounting", "TasksAccounting"})
    all.push_back(flag(name, true));
  // Or a shutdown would stop the container before the engine that looks after it.
  all.push_back(flag("DefaultDependencies", false));
  return all;
}

Result<std::vector<UnitProperty>> resource_properties(const oci::Resources& asked, bool v2) {
  std::vector<UnitProperty> all;
  if (asked.memory) HF_DO(memory(*asked.memory, v2, all));
  if (asked.cpu) {
    if (set(asked.cpu->shares) && !set(asked.cpu->idle))
      all.push_back(v2 ? number("CPUWeight", cpu_weight(*asked.cpu->shares))
                       : number("CPUShares", *asked.cpu->shares));
    cpu_quota(asked.cpu->quota, asked.cpu->period, all);
    HF_DO(cpusets(asked.cpu->cpus, asked.cpu->mems, all));
  }
  if (!v2 && asked.block_io && set(asked.block_io->weight))
    all.push_back(number("BlockIOWeight", *asked.block_io->weight));
  if (asked.pids && set(asked.pids->limit))
    all.push_back(number("TasksMax", *asked.pids->limit < 0
                                         ? UINT64_MAX
                                         : static_cast<uint64_t>(*asked.pids->limit)));
  if (v2) HF_DO(unified(asked.unified, all));
  return all;
}

std::vector<UnitProperty> device_properties(const DeviceSet& set, std::string_view devices) {
  // The empty list first: systemd adds to what it has.
  std::vector<UnitProperty> all{text("DevicePolicy", set.allow ? "auto" : "strict"),
                                {"DeviceAllow", "a(ss)", {}}};
  // systemd has no list of denied devices: such a set is kept by our own rules alone.
  if (set.allow) return all;
  UnitProperty allow{"DeviceAllow", "a(ss)", {}};
  for (const DeviceException& each : set.exceptions) {
    const std::string kind = each.type == 'b' ? "block" : "char";
    std::string path;
    if (each.major != -1 && each.minor != -1) {
      path = fmt::format("/dev/{}/{}:{}", kind, each.major, each.minor);
    } else if (each.major != -1) {
      const std::string_view group = group_of(devices, each.type, each.major);
      if (group.empty()) continue;  // no driver has that number: there is nothing to open
      path = fmt::format("{}-{}", kind, group);
    } else if (each.minor == -1) {
      path = fmt::format("{}-*", kind);
    } else {
      continue;
    }
    const std::string line = to_line(each);
    allow.values.push_back(std::move(path));
    allow.values.push_back(line.substr(line.rfind(' ') + 1));
  }
  all.push_back(std::move(allow));
  return all;
}

Result<std::vector<std::string>> cpu_mask(std::string_view list) {
  const auto numbers = parse_list_of_numbers(list);
  if (numbers.empty()) return error("\"{}\" is no list such as \"0-3,7\"", list);
  std::vector<uint8_t> mask;
  for (const uint64_t each : numbers) {
    if (mask.size() <= each / 8) mask.resize(each / 8 + 1);
    mask[each / 8] |= static_cast<uint8_t>(1U << (each % 8));
  }
  std::vector<std::string> bytes;
  for (const uint8_t each : mask) bytes.push_back(fmt::format("{}", each));
  return bytes;
}

}  // namespace holdfast::cgroup
