// Policy: what holds for one container. Chosen from the node's files (policy_set.h), decided by resolve().
//
//   Policy policy;                                     // baseline, enforced, as without any file
//   policy.profile = *shipped_profile("restricted");
//   policy.grants.push_back({"capabilities:NET_RAW", "ping", "monitoring, TICKET-12"});
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event/audit_settings.h"
#include "core/plan/plan.h"
#include "profiles/policy/profile.h"

namespace holdfast {

// One loosening that an exception of the node's policy gives to this container: the name of a control,
// and what of it: "privileged", "capabilities:SYS_ADMIN", "mounts:/var/run/docker.sock".
struct Grant {
  std::string what;
  std::string exception;  // its name
  std::string reason;
};

// Whether there is something of this name that an exception can loosen; what there is as text.
bool is_known_grant(std::string_view what);
std::string known_grants();

struct Policy {
  Profile profile = *shipped_profile("baseline");
  Mode mode = Mode::kEnforce;
  std::vector<Grant> grants;
  std::string source = "built in";  // where it was chosen: "/etc/holdfast/policy.d/10-node.json:4"
  ContainerIdentity identity;       // of the container that it was chosen for
  std::optional<AuditSettings> audit;  // the node's "audit"
  // What a reader should know about the choice: an expired exception, a selector that did not count.
  std::vector<Decision> notes;
};

// Refuses in `profile` what the policy's `deny` names: "privileged", "hostNamespaces", "rootUser".
void deny(Profile& profile, std::string_view what);

}  // namespace holdfast
