// The node's policy from its file.
//
//   HF_TRY(Policy policy, load_policy(facts));
//
// /etc/holdfast/policy.json must belong to root and be writable by root alone, and so must its
// directory; anything else is refused, never skipped. No file: the built-in policy. Without
// privileges $XDG_CONFIG_HOME/holdfast/policy.json is read as well and can only tighten.
#pragma once

#include <string>

#include "core/plan/plan.h"
#include "profiles/policy/policy.h"

namespace holdfast {

Result<Policy> load_policy(const HostFacts& facts);

// The same from another directory; files must belong to `owner`.
Result<Policy> load_policy_from(const std::string& directory, uid_t owner);

// The stricter of both in every respect: profile, mode, and only exceptions that both make.
Policy tighten(const Policy& node, const Policy& user);

}  // namespace holdfast
