// The node's policy, from its files.
//
//   HF_TRY(Policy policy, load_policy(facts, subject_of(spec, facts, globals.root)));
//
// /etc/holdfast/policy.d/*.json and /etc/holdfast/profiles/*.json, in the order of their names. They and
// their directories must belong to root and be writable by root alone; anything else is refused, never
// skipped. No file: the built-in policy. What is read is one state of the directories: where a name, a
// directory or a file changed in the meantime, all is read again. Without privileges
// $XDG_CONFIG_HOME/holdfast is read as well and can only tighten.
#pragma once

#include <string>
#include <string_view>

#include "core/plan/plan.h"
#include "profiles/policy/policy_set.h"

namespace holdfast {

// Whom the policy is chosen for. The annotations are those of the spec or plan, which must outlive it.
struct PolicyFor {
  ContainerIdentity identity;
  const oci::StringMap& annotations;
};
// Of a container that is to be made; `root` is where the engine keeps its state.
PolicyFor subject_of(const oci::Spec& spec, const HostFacts& facts, std::string_view root);
// Of one that was made: whom its policy was chosen for then.
PolicyFor subject_of(const Plan& plan);

Result<Policy> load_policy(const HostFacts& facts, const PolicyFor& whom);

// All that the node's files say, and (without privileges) the user's own.
struct PolicySets {
  PolicySet node, user;
};
Result<PolicySets> load_policy_sets(const HostFacts& facts);
// Chosen from them, for today.
Policy choose_policy(const PolicySets& sets, const PolicyFor& whom);

// The files of another directory; they must belong to `owner`.
Result<PolicySet> load_policy_from(const std::string& directory, uid_t owner);

}  // namespace holdfast
