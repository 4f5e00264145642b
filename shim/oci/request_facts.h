// What resolve() must know of the paths that a spec names, without asking the kernel itself.
#pragma once

#include "core/oci/spec.h"
#include "profiles/policy/resolve.h"

namespace holdfast {

// Fills request.namespace_ids and request.sources. A path that cannot be looked at is left out:
// such a namespace counts as the host's, and such a mount fails when it is made.
void add_request_facts(const oci::Spec& spec, Request& request);

// What only some policies have a use for: request.root_entries, request.controls, request.ping. Nothing of
// the root is trusted: too many names, or a root that cannot be read, leave it unknown.
void add_policy_facts(const oci::Spec& spec, const Policy& policy, Request& request);

// Fills request.apparmor_obstacle and, where the engine gives no SELinux label, request.selinux.
void add_label_facts(const oci::Spec& spec, const HostFacts& facts, Request& request);

}  // namespace holdfast
