// Which policy a command looks at: the node's, or that of another directory before it is put in place.
//
//   HF_TRY(PolicySet set, policy_of(args));     // --policy DIR, else /etc/holdfast
#pragma once

#include "core/base/result.h"
#include "profiles/policy/policy_set.h"
#include "shim/oci/arguments.h"

namespace holdfast::ctl {

inline constexpr Flag kPolicyFlag{"policy", 'p', FlagKind::kText, "DIR",
                                  "directory with policy.d and profiles (default: /etc/holdfast)"};

Result<PolicySet> policy_of(const Arguments& args);
// DIR, whose files must belong to whoever asks, or to root.
Result<PolicySet> policy_from(const std::string& directory);

inline constexpr char kNodeDirectory[] = "/etc/holdfast";

}  // namespace holdfast::ctl
