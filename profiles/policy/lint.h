// What a checked policy says that its author may not have meant. Pure.
//
//   for (const Warning& w : lint_policy(set, today)) ...   // {"/…/10-node.json:9", "it expired on …"}
#pragma once

#include <string>
#include <vector>

#include "profiles/policy/policy_set.h"

namespace holdfast {

struct Warning {
  std::string source;  // "/etc/holdfast/policy.d/10-node.json:9"
  std::string what;
};

std::vector<Warning> lint_policy(const PolicySet& set, Date today);

}  // namespace holdfast
