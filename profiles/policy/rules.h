// The rules that resolve() judges by: one row each, with what it says and how to satisfy it.
//
//   const Rule& rule = rule_of(RuleId::kCapabilities);
//   rule.id == "HF-C003"; rule.fix == "drop it (--cap-add, securityContext.capabilities.add)"
//
// Ids are stable: they stand in refusals, decisions and reports, and are never used again for another rule.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast {

enum class RuleId : uint8_t {
  kPrivileged,
  kHostNamespaces,
  kCapabilities,
  kDefaultCapabilities,
  kNoNewPrivileges,
  kSeccompProfile,
  kSeccompDenylist,
  kInheritable,
  kUserNamespace,
  kMaskedPaths,
  kReadonlyPaths,
  kPidsLimit,
  kSysctl,
  kDevices,
  kDeviceRules,
  kAppArmor,
  kSelinux,
  kRootUser,
  kExec,
  kHooks,
  kEngineMounts,
  kSystemMounts,
  kSharedPropagation,
  kCgroupMount,
  kUnavailable,
  kLimits,
  kRlimits,
  kRootfs,
  kMountFlags,
  kLandlock,
  kMdwe,
  kExecControl,
  kNetwork,
  kCount
};

struct Rule {
  std::string_view id;     // "HF-C003"
  std::string_view title;  // "capabilities beyond the profile's"
  std::string_view fix;    // what the person who starts the container changes
};

const Rule& rule_of(RuleId id);
std::span<const Rule> all_rules();

}  // namespace holdfast
