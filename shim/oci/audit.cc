#include "shim/oci/audit.h"

#include <sys/stat.h>

#include "profiles/policy/judge.h"
#include "sandbox/audit/log.h"
#include "shim/oci/container.h"

namespace holdfast {
namespace {

constexpr std::string_view kOwnPlace = "/.audit";

Event lifecycle(std::string_view rule, const std::string& container, const std::string& profile) {
  Event event;
  event.container = container;
  event.profile = profile;
  event.rule = rule;
  event.disposition = Disposition::kAllowed;
  return event;
}

// Engines read causes of their own in some phrases: a warning must not hold them.
void warn_of(const Error& error) { warn(one_line(error.message)); }

Result<> keep(const AuditSettings& audit, const std::vector<Event>& events) {
  // The state root may not be there yet.
  const std::string_view directory = audit.directory;
  if (directory.ends_with(kOwnPlace))
    ::mkdir(audit.directory.substr(0, directory.size() - kOwnPlace.size()).c_str(), 0700);
  auto kept = record(audit, events);
  if (kept || audit.require) return kept;
  warn_of(kept.error());
  return {};
}

// Exceptions of the policy that gave something which was asked for.
void add_loosenings(const Plan& plan, std::vector<Event>& events) {
  for (const Decision& each : plan.decisions) {
    if (each.outcome != Outcome::kWarned || !each.why.starts_with("exception \"")) continue;
    Event& event = events.emplace_back(lifecycle("exception-used", plan.id, plan.profile));
    event.severity = Severity::kLow;
    event.message = fmt::format("{} {} [{}]: {}", each.control, each.asked, each.rule, each.why);
    event.fix = "remove the exception from the policy once it is not needed";
  }
}

Result<> record_state(const ContainerState& state, std::string_view rule, std::string message) {
  Event event = lifecycle(rule, state.id, state.profile);
  event.plan_digest = state.plan_digest;
  event.message = std::move(message);
  event.processes.push_back({state.init.pid, state.init.start_time, 0, "", {}});
  return keep(*state.audit, {event});
}

}  // namespace

AuditSettings audit_settings(const Policy& policy, const HostFacts& facts,
                             const std::string& root) {
  AuditSettings audit = policy.audit.value_or(AuditSettings{});
  if (facts.euid == 0 && !facts.in_user_namespace) return audit;
  // The node's own places are root's.
  audit.directory = root + std::string(kOwnPlace);
  audit.sinks.falco.clear();
  audit.sinks.prometheus.clear();
  return audit;
}

Failure refused(const AuditSettings& audit, std::string_view verb, const std::string& container,
                const std::string& profile, Error why) {
  if (!why.message.starts_with("refused by policy")) return Failure(std::move(why));
  Event event = lifecycle(fmt::format("{}-refused", verb), container, profile);
  event.severity = Severity::kMedium;
  event.disposition = Disposition::kBlocked;
  event.response = Response::kDeny;
  event.message = why.message;
  event.fix = "ask for less, or give an exception: see `holdfastctl policy test`";
  if (auto kept = keep(audit, {event}); !kept) warn_of(kept.error());
  return Failure(std::move(why));
}

Result<> record_created(const AuditSettings& audit, const Plan& plan, const std::string& digest,
                        const ProcessIdentity& init) {
  std::vector<Event> events;
  if (records_lifecycle(audit)) {
    Event& event = events.emplace_back(lifecycle("container-created", plan.id, plan.profile));
    event.message = fmt::format("bundle {}", plan.bundle);
    event.processes.push_back(
        {init.pid, init.start_time, plan.process.user.uid, "", plan.process.args});
  }
  add_loosenings(plan, events);
  if (events.empty()) return {};
  for (Event& each : events) each.plan_digest = digest;
  return keep(audit, events);
}

Result<> record_exec(const AuditSettings& audit, const Plan& plan, const ProcessPlan& process,
                     pid_t pid) {
  if (!records_lifecycle(audit)) return {};
  Event event = lifecycle("container-exec", plan.id, plan.profile);
  event.severity = Severity::kLow;
  event.message = "a process was executed into the container";
  event.attack = {"T1609"};
  event.injected = true;
  HF_TRY(const ProcessIdentity identity, identify(pid));
  event.processes.push_back({pid, identity.start_time, process.user.uid, "", process.args});
  return keep(audit, {event});
}

Result<> record_started(const ContainerState& state) {
  if (!state.audit) return {};
  return record_state(state, "container-started", "its program starts");
}

Result<> record_deleted(const ContainerState& state) {
  if (!state.audit) return {};
  return record_state(state, "container-deleted", "it and all its processes are gone");
}

}  // namespace holdfast
