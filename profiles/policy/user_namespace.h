// A user namespace for a container whose engine asked for none. Pure.
//
//   if (wants_user_namespace(policy, spec, facts)) request.user_namespace = look(...);   // the shim
//   HF_TRY(Resolved r, resolve(request, spec, policy, facts));
//   if (needs_id_range(r.plan)) assign_id_range(r.plan, claimed);
//
// The ladder of reasons: whatever on it stands against a namespace is told, all at once; `auto`
// then runs without, `require` refuses. Nothing is ever mounted without mapping in place of mapped:
// a source that cannot be mapped is a reason, only the kernel's own files (procfs, sysfs, device
// nodes) stay as they are.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/oci/spec.h"
#include "core/plan/plan.h"
#include "profiles/policy/policy.h"

namespace holdfast {

inline constexpr uint32_t kContainerIds = 65536;

// What must be known of the host for it, and of the paths that the spec names. Looked at only where
// wants_user_namespace() says so.
struct UserNamespaceFacts {
  std::string problem{};  // why this host can make none; empty: it can
  std::string pool{};     // the ids that ranges are of: "1879048192..2147352575 (built in)"
  std::string root{};     // why the root cannot be mapped; empty: it can
  struct Source {
    bool kernel = false;  // the kernel's own: stays unmapped
    std::string problem{};  // why it cannot be mapped; empty: it can
  };
  std::map<std::string, Source> sources{};       // of bind mounts, by the source as asked
  std::map<std::string, std::string> devices{};  // what stands against a device, by its path
  // Of the namespaces that are joined by path: those that belong to the host's user namespace, and
  // one that belongs to another, which then is the pod's.
  std::set<std::string> of_host{};
  std::string pod{};
  std::vector<oci::IdMapping> pod_uids{}, pod_gids{};
};

// Whether the profile asks for one that the engine did not ask for.
bool wants_user_namespace(const Policy& policy, const oci::Spec& spec, const HostFacts& facts);

// The plan has a user namespace of its own whose ids are still to be claimed.
bool needs_id_range(const Plan& plan);
// 0..65535 of the container become first..first+65535 of the host, in the plan and its decisions.
void assign_id_range(Plan& plan, uint32_t first);

}  // namespace holdfast
