// The limits of linux.resources as amounts that a profile's limits can be compared with.
//
//   for (const LimitControl& control : limit_controls(profile.limits))
//     if (const auto limit = control.instead(control.asked(resources)))
//       control.set(resources, *limit, v2);
//
// What stands in `unified` under the name of a control file counts as the field that it is: it is written
// last. Text there that cannot be read as an amount counts as unlimited.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/oci/spec.h"
#include "profiles/policy/profile.h"
#include "profiles/policy/rules.h"

namespace holdfast {

inline constexpr int64_t kUnlimited = -1;

// A Limit whatever its unit: bytes, tasks, weights, thousandths of a CPU.
struct Bounds {
  std::optional<int64_t> fallback, max;
  bool given() const { return fallback || max; }
};
Bounds bounds_of(const Limit& limit);

// An amount as the kernel's memparse() reads it, digits and a power of 1024; kUnlimited where it is none.
int64_t amount_in(std::string_view text);

// What to apply instead of what is asked for, or nothing where that may stand.
std::optional<int64_t> limit_instead(const Bounds& bounds, std::optional<int64_t> asked);

enum class LimitKind : uint8_t { kMemory, kSwap, kCpu, kPids, kIoWeight, kHugepages };

struct LimitControl {
  LimitKind kind;
  std::string page_size;  // of kHugepages: "2MB"
  Bounds bounds;

  // What to apply instead of what is asked for.
  std::optional<int64_t> instead(std::optional<int64_t> asked) const;

  std::string name() const;        // "memoryLimit", as decisions tell it
  std::string_view grant() const;  // "limits:memory", as exceptions name it
  RuleId rule() const;
  std::string_view why() const;                           // what the limit is good for
  std::string text(std::optional<int64_t> amount) const;  // "512Mi", "none", "unlimited"

  std::optional<int64_t> asked(const oci::Resources& resources) const;
  // `v2`: all controllers are version 2's.
  void set(oci::Resources& resources, int64_t amount, bool v2) const;
  // Whether `resources` have anything of it.
  bool touched(const oci::Resources& resources) const;
};

// All of them in the order of their application (swap is counted above memory); one of kHugepages for each
// page size that the profile names.
std::vector<LimitControl> limit_controls(const Limits& limits);

struct CpuBandwidth {
  int64_t quota = kUnlimited;
  uint64_t period = 100000;  // the kernel's
};
// Nothing: no quota is asked for.
std::optional<CpuBandwidth> cpu_bandwidth(const oci::Resources& resources);

// Whether the profile has limits beyond that of processes.
bool needs_cgroup_controls(const Limits& limits);

// What the host's cgroups can limit.
struct CgroupControls {
  bool memory = false, swap = false, cpu = false, io_weight = false, hugetlb = false;
  std::vector<std::string> page_sizes{};  // of huge pages: "2MB"
};

// `base` with what `changes` have.
oci::Resources merge_resources(oci::Resources base, const oci::Resources& changes);

}  // namespace holdfast
