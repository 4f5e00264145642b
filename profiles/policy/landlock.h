// The Landlock domain of a container, from what stands in its plan already (docs/adr/0110).
//
//   LandlockPlan domain = landlock_domain(plan, rules, {"bin", "etc", "usr"}, facts.landlock_abi);
//   // execution beneath /bin, /etc, /usr and what is mounted to be executed; ioctl on its devices
//
// Landlock denies what is handled and grants beneath a path: nothing beneath a granted directory can
// be taken out again. So nothing is granted on "/" that shall not hold in /proc, /sys and /dev.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/plan/plan.h"
#include "profiles/policy/profile.h"

namespace holdfast {

// From this ABI on a domain need not forbid moving files between directories (Linux 5.19).
inline constexpr int32_t kLandlockRefer = 2;
inline constexpr int32_t kLandlockTruncate = 3;  // 6.2
inline constexpr int32_t kLandlockTcp = 4;       // 6.7
inline constexpr int32_t kLandlockIoctl = 5;     // 6.10

// What stands directly in the root and can hold programs, by name; nullopt: not known.
using RootEntries = std::optional<std::vector<std::string>>;

LandlockPlan landlock_domain(const Plan& plan, const LandlockRules& rules,
                             const RootEntries& entries, int32_t abi);

// "execution from 14 places, ioctl on 9 devices, no mounts": for a decision.
std::string landlock_summary(const LandlockPlan& domain);

}  // namespace holdfast
