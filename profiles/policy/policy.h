// The node's policy, minimal form: /etc/holdfast/policy.json
//
//   { "profile": "baseline", "mode": "enforce",
//     "deny": ["privileged"],
//     "exceptions": [ { "name": "nested-containers", "reason": "CI builders, TICKET-12" } ] }
//
// Everything in it is strict: unknown fields, wrong types and exceptions without a reason are errors.
// No file means { "profile": "baseline", "mode": "enforce" }.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"

namespace holdfast {

// A loosening with a name and a reason: "privileged", "host-namespaces", "nested-containers",
// "io-uring", "capabilities:SYS_ADMIN", ...
struct Exception {
  std::string name;
  std::string reason;
};

enum class ProfileName { kBaseline, kRestricted };

std::string_view profile_name(ProfileName profile);  // "baseline"

struct Policy {
  ProfileName profile = ProfileName::kBaseline;
  Mode mode = Mode::kEnforce;
  std::vector<std::string>
      deny;  // what baseline would only report: "privileged", "host-namespaces", ...
  std::vector<Exception> exceptions;
  std::string source = "built in";
};

Result<Policy> decode_policy(std::string_view text, std::string_view source);

}  // namespace holdfast
