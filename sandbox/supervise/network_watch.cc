#include "sandbox/supervise/network_watch.h"

#include <algorithm>

#include "sandbox/kernel/bpf/network_scope.h"
#include "sandbox/supervise/watch.h"
#include "sandbox/supervise/witness.h"

namespace holdfast {

Result<std::optional<NetworkEvents>> open_network(const SupervisionPlan& plan,
                                                  const CgroupRecord& cgroups) {
  if (network_hooks(plan).empty()) return std::nullopt;
  HF_TRY(const Fd cgroup, v2_directory(cgroups));
  HF_TRY(NetworkEvents events, with_context(NetworkEvents::open(cgroup), "network"));
  return std::optional<NetworkEvents>(std::move(events));
}

void answer_network(const NetworkPlan& plan, const std::vector<ResponseRule>& respond,
                    Incident& incident) {
  Event& event = incident.event;
  if (event.disposition == Disposition::kAllowed) return;
  event.response = plan.on_violation;
  for (const ResponseRule& rule : respond) {
    if (event.severity < rule.at || rule.action <= event.response) continue;
    event.response = rule.action;
    incident.release_after = rule.release_after;
  }
}

std::vector<Incident> network_incidents(Watch& watch) {
  std::vector<Incident> incidents;
  watch.network->read([&](Event event) {
    Incident incident;
    Event& own = incident.event = std::move(event);
    const Event first = watch.event(own.kind, own.rule, own.severity);
    own.container = first.container;
    own.profile = first.profile;
    own.plan_digest = first.plan_digest;
    // It has gone on since: where it is gone by now its name is what the kernel told.
    if (!own.processes.empty()) {
      Deed deed = look_at(watch.procfs, own.processes[0].pid, watch.init);
      if (!deed.processes.empty() && !deed.processes[0].exe.empty()) {
        own.processes = std::move(deed.processes);
        own.injected = deed.injected;
      }
    }
    answer_network(*watch.plan.network, watch.plan.respond, incident);
    incidents.push_back(std::move(incident));
  });
  if (const uint64_t lost = watch.network->take_lost(); lost > 0) {
    Incident incident;
    incident.event = watch.event(EventKind::kSupervisor, "events-dropped", Severity::kMedium);
    incident.event.message =
        fmt::format("{} events of the network came faster than they could be read", lost);
    incident.event.count = lost;
    incidents.push_back(std::move(incident));
  }
  return incidents;
}

}  // namespace holdfast
