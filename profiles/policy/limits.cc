#include "profiles/policy/limits.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"

namespace holdfast {
namespace {

constexpr uint64_t kUsualPeriod = 100000, kLongestPeriod = 1000000;  // sched-bwc.rst, microseconds
constexpr int64_t kLeastQuota = 1000;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

int64_t clamped(uint64_t amount) {
  return amount > static_cast<uint64_t>(kMost) ? kMost : static_cast<int64_t>(amount);
}

int64_t sum(int64_t a, int64_t b) { return a > kMost - b ? kMost : a + b; }

const std::string* unified(const oci::Resources& r, const std::string& file) {
  const auto found = r.unified.find(file);
  return found == r.unified.end() ? nullptr : &found->second;
}

// Fields in which 0 means that nothing is asked for.
std::optional<int64_t> given(std::optional<int64_t> field) {
  if (field.value_or(0) == 0) return std::nullopt;
  return *field < 0 ? kUnlimited : *field;
}

// --- memory and swap: the specification counts swap together with memory ---

std::optional<int64_t> memory_field(const oci::Resources& r) {
  return r.memory ? given(r.memory->limit) : std::nullopt;
}
std::optional<int64_t> memory_and_swap(const oci::Resources& r) {
  return r.memory ? given(r.memory->swap) : std::nullopt;
}

std::optional<int64_t> asked_memory(const oci::Resources& r) {
  if (const std::string* text = unified(r, "memory.max")) return amount_in(*text);
  return memory_field(r);
}

std::optional<int64_t> asked_swap(const oci::Resources& r) {
  if (const std::string* text = unified(r, "memory.swap.max")) return amount_in(*text);
  const auto both = memory_and_swap(r), memory = memory_field(r);
  if (!both || *both < 0 || !memory || *memory < 0) return both;
  return std::max<int64_t>(*both - *memory, 0);
}

void set_memory(oci::Resources& r, int64_t amount) {
  const auto both = memory_and_swap(r);
  const auto swap = asked_swap(r), before = memory_field(r);
  r.unified.erase("memory.max");
  if (!r.memory) r.memory.emplace();
  r.memory->limit = amount;
  if (!both || *both < 0) return;
  if (before.value_or(kUnlimited) > 0)
    r.memory->swap = *swap < 0 ? kUnlimited : sum(amount, *swap);
  else
    r.memory->limit = std::min(amount, *both);
}

void set_swap(oci::Resources& r, int64_t amount, bool v2) {
  r.unified.erase("memory.swap.max");
  const auto memory = memory_field(r);
  if (memory.value_or(kUnlimited) > 0) {
    r.memory->swap = sum(*memory, amount);
  } else if (v2) {
    if (r.memory) r.memory->swap.reset();
    r.unified["memory.swap.max"] = fmt::format("{}", amount);
  }
}

// --- CPU time: quota / period ---

uint64_t period_field(const oci::Resources& r) {
  const uint64_t period = r.cpu ? r.cpu->period.value_or(0) : 0;
  return period == 0 ? kUsualPeriod : period;
}

// In thousandths of a CPU, rounded up.
std::optional<int64_t> asked_cpu(const oci::Resources& r) {
  const auto asked = cpu_bandwidth(r);
  if (!asked) return std::nullopt;
  if (asked->quota < 0) return kUnlimited;
  if (asked->quota > kMost / 1000) return kMost;
  const auto thousandfold = static_cast<uint64_t>(asked->quota) * 1000;
  return clamped(thousandfold / asked->period + (thousandfold % asked->period != 0));
}

void set_cpu(oci::Resources& r, int64_t milli) {
  uint64_t period = period_field(r);
  if (const auto asked = cpu_bandwidth(r)) period = asked->period;
  if (period > kLongestPeriod) period = kUsualPeriod;
  // Text that goes may have set another period.
  const bool verbatim = r.unified.erase("cpu.max") > 0;
  if (!r.cpu) r.cpu.emplace();
  const auto quota_in = [&](uint64_t each) {
    const auto length = static_cast<int64_t>(each);
    return milli > kMost / length ? kMost : milli * length / 1000;
  };
  if (quota_in(period) < kLeastQuota) period = kLongestPeriod;
  r.cpu->quota = std::max(quota_in(period), kLeastQuota);
  if (period != kUsualPeriod || r.cpu->period || verbatim) r.cpu->period = period;
  // The kernel takes no burst above the quota.
  const auto most = static_cast<uint64_t>(*r.cpu->quota);
  if (r.cpu->burst) r.cpu->burst = std::min(*r.cpu->burst, most);
  if (const std::string* burst = unified(r, "cpu.max.burst");
      burst && parse_number<uint64_t>(trim(*burst)).value_or(most + 1) > most)
    r.unified["cpu.max.burst"] = fmt::format("{}", most);
}

// --- processes ---

std::optional<int64_t> asked_pids(const oci::Resources& r) {
  if (const std::string* text = unified(r, "pids.max")) {
    const auto number = parse_number<int64_t>(trim(*text));
    return number && *number >= 0 ? *number : kUnlimited;
  }
  return r.pids ? given(r.pids->limit) : std::nullopt;
}

void set_pids(oci::Resources& r, int64_t amount) {
  r.unified.erase("pids.max");
  r.pids = oci::PidsResources{amount};
}

// --- I/O weights: 10 to 1000, whichever of them is the highest ---

constexpr const char* kWeightFiles[] = {"io.weight", "io.bfq.weight"};

// io.weight goes to 10000.
int64_t in_file_units(std::string_view file, int64_t weight) {
  return file == "io.weight" ? 1 + (weight - 10) * 9999 / 990 : weight;
}
int64_t from_file_units(std::string_view file, int64_t weight) {
  return file == "io.weight" ? 10 + ((weight - 1) * 990 + 9998) / 9999 : weight;
}

// "200", "default 200", "8:0 200".
int64_t weight_in(std::string_view file, std::string_view text) {
  const auto words = split(trim(text), ' ');
  if (words.empty() || words.size() > 2) return kMost;
  const auto number = parse_number<uint32_t>(words.back());
  return number && *number > 0 ? from_file_units(file, *number) : kMost;
}

template <class F>
void each_weight(oci::BlockIoResources& io, F f) {
  f(io.weight);
  f(io.leaf_weight);
  for (oci::WeightDevice& each : io.weight_device) {
    f(each.weight);
    f(each.leaf_weight);
  }
}

std::optional<int64_t> asked_weight(const oci::Resources& r) {
  std::optional<int64_t> highest;
  const auto count = [&](int64_t weight) { highest = std::max(highest.value_or(0), weight); };
  if (r.block_io) {
    oci::BlockIoResources io = *r.block_io;
    each_weight(io, [&](auto& weight) {
      if (weight.value_or(0) != 0) count(*weight);
    });
  }
  for (const char* file : kWeightFiles)
    if (const std::string* text = unified(r, file)) count(weight_in(file, *text));
  return highest;
}

// The default of the container; whatever is higher comes down to it.
void set_weight(oci::Resources& r, int64_t amount) {
  for (const char* file : kWeightFiles) {
    const auto found = r.unified.find(file);
    if (found == r.unified.end() || weight_in(file, found->second) <= amount) continue;
    const auto words = split(trim(found->second), ' ');
    const std::string lowered = fmt::format("{}", in_file_units(file, amount));
    found->second = words.size() == 2 ? std::string(words[0]) + " " + lowered : lowered;
  }
  if (!asked_weight(r)) {
    if (!r.block_io) r.block_io.emplace();
    r.block_io->weight = static_cast<uint16_t>(amount);
  }
  if (r.block_io)
    each_weight(*r.block_io, [&](auto& weight) {
      if (weight.value_or(0) > amount) weight = static_cast<uint16_t>(amount);
    });
}

// --- huge pages ---

std::string hugetlb_file(const std::string& size, std::string_view what) {
  return fmt::format("hugetlb.{}.{}", size, what);
}

std::optional<int64_t> asked_pages(const oci::Resources& r, const std::string& size) {
  const auto* reserved = unified(r, hugetlb_file(size, "rsvd.max"));
  if (const std::string* text = unified(r, hugetlb_file(size, "max"))) {
    const int64_t amount = amount_in(*text);
    if (amount < 0 || !reserved) return amount;
    const int64_t held = amount_in(*reserved);
    return held < 0 ? held : std::max(amount, held);
  }
  if (reserved) return amount_in(*reserved);
  int64_t highest = -1;
  for (const oci::HugepageLimit& each : r.hugepage_limits)
    if (each.page_size == size) highest = std::max(highest, clamped(each.limit));
  return highest < 0 ? std::nullopt : std::optional(highest);
}

void set_pages(oci::Resources& r, const std::string& size, int64_t amount) {
  r.unified.erase(hugetlb_file(size, "max"));
  r.unified.erase(hugetlb_file(size, "rsvd.max"));
  std::erase_if(r.hugepage_limits, [&](const auto& each) { return each.page_size == size; });
  r.hugepage_limits.push_back({size, static_cast<uint64_t>(amount)});
}

struct Row {
  std::string_view name, grant, why;
};
constexpr Row kRows[] = {
    {"memoryLimit", "limits:memory", "what is used beyond it is taken from every other program"},
    {"swapLimit", "limits:swap", "what swaps beyond it slows every other program down"},
    {"cpuLimit", "limits:cpu", "what computes beyond it is taken from every other program"},
    {"pidsLimit", "limits:pids", "a fork bomb ends here instead of at the host's limit"},
    {"ioWeight", "limits:ioWeight", "a higher weight is taken from every other program"},
    {"hugepagesLimit", "limits:hugepages", "huge pages are the whole host's"},
};
const Row& row(LimitKind kind) { return kRows[static_cast<size_t>(kind)]; }

}  // namespace

// "max", "50000", "50000 100000", as the kernel scans it: it takes fifteen characters for the quota.
std::optional<CpuBandwidth> cpu_bandwidth(const oci::Resources& r) {
  CpuBandwidth asked{kUnlimited, period_field(r)};
  if (const std::string* text = unified(r, "cpu.max")) {
    const auto words = split(trim(*text), ' ');
    if (words.empty() || words.size() > 2 || words[0].size() > 15) return asked;
    const auto quota = parse_number<int64_t>(words[0]);
    if (!quota || *quota < 0) return asked;
    if (words.size() == 2) {
      const auto period = parse_number<uint64_t>(words[1]);
      if (!period || *period == 0) return asked;
      asked.period = *period;
    }
    asked.quota = *quota;
    return asked;
  }
  const auto quota = r.cpu ? given(r.cpu->quota) : std::nullopt;
  if (!quota) return std::nullopt;
  asked.quota = *quota;
  return asked;
}

int64_t amount_in(std::string_view text) {
  static constexpr std::string_view kPowers = "KMGTPE";
  text = trim(text);
  int64_t factor = 1;
  if (!text.empty()) {
    const char last = text.back() >= 'a' && text.back() <= 'z' ? static_cast<char>(text.back() - 32)
                                                               : text.back();
    if (const size_t power = kPowers.find(last); power != kPowers.npos) {
      factor = int64_t{1} << (10 * (power + 1));
      text.remove_suffix(1);
    }
  }
  const auto number = parse_number<int64_t>(text);
  if (!number || *number < 0 || *number > kMost / factor) return kUnlimited;
  return *number * factor;
}

Bounds bounds_of(const Limit& limit) {
  Bounds bounds;
  if (limit.fallback) bounds.fallback = limit.fallback->value;
  if (limit.max) bounds.max = limit.max->value;
  return bounds;
}

std::optional<int64_t> limit_instead(const Bounds& bounds, std::optional<int64_t> asked) {
  if (asked && *asked >= 0) return bounds.max && *asked > *bounds.max ? bounds.max : std::nullopt;
  if (asked && !bounds.max) return std::nullopt;
  return bounds.fallback ? bounds.fallback : bounds.max;
}

// Only a limit is missing where none is asked for: a weight every container has.
std::optional<int64_t> LimitControl::instead(std::optional<int64_t> asked) const {
  if (kind == LimitKind::kIoWeight && !asked) return bounds.fallback;
  return limit_instead(bounds, asked);
}

std::string LimitControl::name() const {
  std::string name(row(kind).name);
  return page_size.empty() ? name : name + ":" + page_size;
}
std::string_view LimitControl::grant() const { return row(kind).grant; }
std::string_view LimitControl::why() const { return row(kind).why; }
RuleId LimitControl::rule() const {
  return kind == LimitKind::kPids ? RuleId::kPidsLimit : RuleId::kLimits;
}

std::string LimitControl::text(std::optional<int64_t> amount) const {
  if (!amount) return "none";
  if (*amount < 0) return "unlimited";
  if (kind == LimitKind::kCpu) return scalar_text(Cpus{*amount});
  const bool bytes = kind != LimitKind::kPids && kind != LimitKind::kIoWeight;
  return bytes ? scalar_text(Quantity{*amount}) : fmt::format("{}", *amount);
}

std::optional<int64_t> LimitControl::asked(const oci::Resources& resources) const {
  switch (kind) {
    case LimitKind::kMemory:
      return asked_memory(resources);
    case LimitKind::kSwap:
      return asked_swap(resources);
    case LimitKind::kCpu:
      return asked_cpu(resources);
    case LimitKind::kPids:
      return asked_pids(resources);
    case LimitKind::kIoWeight:
      return asked_weight(resources);
    case LimitKind::kHugepages:
      return asked_pages(resources, page_size);
  }
  return std::nullopt;
}

void LimitControl::set(oci::Resources& resources, int64_t amount, bool v2) const {
  switch (kind) {
    case LimitKind::kMemory:
      return set_memory(resources, amount);
    case LimitKind::kSwap:
      return set_swap(resources, amount, v2);
    case LimitKind::kCpu:
      return set_cpu(resources, amount);
    case LimitKind::kPids:
      return set_pids(resources, amount);
    case LimitKind::kIoWeight:
      return set_weight(resources, amount);
    case LimitKind::kHugepages:
      return set_pages(resources, page_size, amount);
  }
}

bool LimitControl::touched(const oci::Resources& resources) const {
  // A swap limit moves with that of memory, a quota counts in its period.
  if (kind == LimitKind::kSwap && asked_memory(resources)) return true;
  if (kind == LimitKind::kCpu && resources.cpu && resources.cpu->period.value_or(0) != 0)
    return true;
  return asked(resources).has_value();
}

std::vector<LimitControl> limit_controls(const Limits& limits) {
  std::vector<LimitControl> all;
  all.reserve(5 + limits.hugepages.size());
  all.push_back({LimitKind::kMemory, {}, bounds_of(limits.memory)});
  all.push_back({LimitKind::kSwap, {}, bounds_of(limits.swap)});
  Bounds cpu;
  if (limits.cpu.fallback) cpu.fallback = limits.cpu.fallback->milli;
  if (limits.cpu.max) cpu.max = limits.cpu.max->milli;
  all.push_back({LimitKind::kCpu, {}, cpu});
  all.push_back({LimitKind::kPids, {}, bounds_of(limits.pids)});
  all.push_back({LimitKind::kIoWeight, {}, bounds_of(limits.io_weight)});
  for (const auto& [size, limit] : limits.hugepages)
    all.push_back({LimitKind::kHugepages, size, bounds_of(limit)});
  return all;
}

bool needs_cgroup_controls(const Limits& limits) {
  for (const LimitControl& each : limit_controls(limits))
    if (each.kind != LimitKind::kPids && each.bounds.given()) return true;
  return false;
}

}  // namespace holdfast
