// The texts of a policy's files, as they stood at one moment.
//
//   HF_TRY(PolicyTexts texts, read_policy_directory("/etc/holdfast", 0));
//
// DIRECTORY/policy.d/*.json and DIRECTORY/profiles/*.json, sorted by name; names that begin with a dot
// or end otherwise are not the policy's. The directories may be symbolic links of the owner's, the files
// may not. A file or directory of another owner's, or one that others can write to, is an error.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "profiles/policy/policy_set.h"

namespace holdfast {

struct PolicyTexts {
  std::vector<PolicyText> policies, profiles;
};

Result<PolicyTexts> read_policy_directory(const std::string& directory, uid_t owner);

}  // namespace holdfast
