// What the runtime itself records in the node's audit log (sandbox/audit/log.h).
//
//   const AuditSettings audit = audit_settings(policy, facts, globals.root);
//   if (!resolved) return refused(audit, "create", subject, std::move(resolved).error());
//   HF_DO(record_created(audit, plan, digest, pid));
//
// Refusals by the policy and exceptions that loosened are recorded always; that a container was made, started,
// executed into or deleted only where the policy's "audit" says "lifecycle": without it nothing is opened or
// written on the way to a container. What cannot be recorded is a warning, or an error where the policy says
// "require".
#pragma once

#include "core/event/audit_settings.h"
#include "core/plan/plan.h"
#include "profiles/policy/policy.h"
#include "sandbox/launch/state_store.h"

namespace holdfast {

// The policy's, or the built-in ones; without privileges the log stands in the state root.
AuditSettings audit_settings(const Policy& policy, const HostFacts& facts, const std::string& root);

inline bool records_lifecycle(const AuditSettings& audit) {
  return audit.record == AuditRecord::kLifecycle;
}

// Records a refusal by the policy (other errors are none) and passes it on.
Failure refused(const AuditSettings& audit, std::string_view verb, const std::string& container,
                const std::string& profile, Error why);

Result<> record_created(const AuditSettings& audit, const Plan& plan, const std::string& digest,
                        const ProcessIdentity& init);
Result<> record_exec(const AuditSettings& audit, const Plan& plan, const ProcessPlan& process,
                     pid_t pid);
// By the state: its container was made under settings that ask for it.
Result<> record_started(const ContainerState& state);
Result<> record_deleted(const ContainerState& state);

}  // namespace holdfast
