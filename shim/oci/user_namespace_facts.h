// What resolve() must know for a user namespace of the container's own. Costs the processes and
// mounts of a trial, so only who wants it looks.
#pragma once

#include "core/oci/spec.h"
#include "profiles/policy/resolve.h"

namespace holdfast {

// Fills request.user_namespace, if the policy wants one. Never fails: what cannot be found out
// stands against the namespace.
void add_user_namespace_facts(const oci::Spec& spec, const Policy& policy, const HostFacts& facts,
                              Request& request);

}  // namespace holdfast
