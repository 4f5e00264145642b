// What the supervisor does about the network: records what was refused, responds, cuts off.
#pragma once

#include <optional>

#include "sandbox/kernel/bpf/network_events.h"
#include "sandbox/kernel/cgroup.h"
#include "sandbox/supervise/incidents.h"

namespace holdfast {

struct Watch;

// The container's ring, where the plan has it held by cgroup BPF.
Result<std::optional<NetworkEvents>> open_network(const SupervisionPlan& plan,
                                                  const CgroupRecord& cgroups);

// What waits in the ring, each with the response that the plan has for it.
std::vector<Incident> network_incidents(Watch& watch);

// What is done about an event: what its own rule says, and what `respond` says of events as grave. Pure.
void answer_network(const NetworkPlan& plan, const std::vector<ResponseRule>& respond,
                    Incident& incident);

}  // namespace holdfast
