// What the container reaches and who reaches it: docs/supervision.md, docs/adr/0210-network-control.md.
#include <algorithm>

#include "core/plan/isolation.h"
#include "profiles/policy/capabilities.h"
#include "profiles/policy/context.h"
#include "profiles/policy/network_rules.h"

namespace holdfast {
namespace {

constexpr std::string_view kControl = "network";
constexpr int kNetAdmin = 12, kNetRaw = 13, kSysAdmin = 21;

bool own_network(const ResolveContext& c) {
  return !shares_host(c.request, c.plan.namespaces, c.facts, oci::NamespaceType::kNetwork);
}
// Made for this container alone: nobody else is held to what is set up in it.
bool makes_network(const ResolveContext& c) {
  const auto* network = find_namespace(c.plan, oci::NamespaceType::kNetwork);
  return network && network->path.empty();
}
bool holds(const ResolveContext& c, int capability) {
  return c.plan.process.capabilities.bounding & capability_bit(capability);
}

std::string summary(const NetworkPlan& plan) {
  std::vector<std::string> parts;
  if (plan.egress) parts.push_back("to " + rules_text(*plan.egress));
  if (plan.ingress) parts.push_back("from " + rules_text(*plan.ingress));
  if (plan.own_loopback && (plan.egress || plan.ingress)) parts.emplace_back("its own loopback");
  if (!plan.raw_sockets) parts.emplace_back("no raw sockets");
  if (plan.record_allowed) parts.emplace_back("what is allowed is recorded");
  return join(parts, "; ");
}

std::string gaps(const ResolveContext& c, const NetworkPlan& plan) {
  std::string text;
  if (plan.mechanism == Mechanism::kCgroupBpf) {
    text =
        "cgroup BPF: before a connection is made or a datagram sent. Not held: sockets that are "
        "handed "
        "in from outside, what a reachable server passes on (DNS through an allowed resolver)";
    if (plan.egress && plan.raw_sockets) text += ", raw and packet sockets (rawSockets)";
    const bool owns_ids = find_namespace(c.plan, oci::NamespaceType::kUser) != nullptr;
    if (!owns_ids && holds(c, kSysAdmin)) text += "; CAP_SYS_ADMIN could take the programs away";
  } else {
    text =
        "nftables in its network namespace, without a cgroup of version 2: packets are dropped. "
        "Not "
        "recorded, and it cannot be isolated";
    if (holds(c, kNetAdmin)) text += "; CAP_NET_ADMIN in it could flush the rules";
  }
  return text;
}

// Where it can be held; empty: nowhere, and `why` tells.
std::optional<Mechanism> mechanism(const ResolveContext& c, bool require, std::string& why) {
  if (c.request.rootless || c.facts.euid != 0 || c.facts.in_user_namespace) {
    why = "BPF programs for cgroups need root of the host";
    return std::nullopt;
  }
  const Request::Network& facts = c.request.network;
  if (facts.bpf_obstacle.empty()) return Mechanism::kCgroupBpf;
  why = facts.bpf_obstacle;
  if (!facts.nftables)
    why += "; nftables: not available";
  else if (!makes_network(c))
    why += "; nftables: the network namespace is not the container's own";
  else if (require && holds(c, kNetAdmin))
    why += "; nftables: CAP_NET_ADMIN in it could flush the rules";
  else
    return Mechanism::kNftables;
  return std::nullopt;
}

// Packet sockets pass below all that sees addresses: without the capability there are none.
void close_raw_sockets(ResolveContext& c) {
  if (!holds(c, kNetRaw)) return;
  if (!c.judge.tighten(RuleId::kNetwork, "network.rawSockets", "NET_RAW", "dropped",
                       "raw and packet sockets go round the rules for the network"))
    return;
  CapabilitySets& sets = c.plan.process.capabilities;
  for (uint64_t* set :
       {&sets.bounding, &sets.effective, &sets.permitted, &sets.inheritable, &sets.ambient})
    *set &= ~capability_bit(kNetRaw);
}

}  // namespace

bool may_isolate(const Profile& profile) {
  const ProgramControl& programs = profile.exec.control;
  return programs.drift == Response::kIsolate || programs.otherwise == Response::kIsolate ||
         profile.network.response() == Response::kIsolate ||
         std::any_of(profile.respond.begin(), profile.respond.end(),
                     [](const RespondRule& each) { return each.action == Response::kIsolate; });
}

std::optional<NetworkPlan> resolve_network(ResolveContext& c, const SupervisionPlan& others) {
  const NetworkControl& asked = c.judge.profile().network;
  const bool watched = others.exec || others.integrity || !others.notify.empty();
  if (!asked.active() && !(watched && isolates(others))) return std::nullopt;
  const Requirement wanted = c.judge.wanted(
      asked.require ? Requirement::kRequire : Requirement::kAuto, RuleId::kNetwork, kControl);
  if (wanted == Requirement::kOff) return std::nullopt;
  std::string why;
  const auto by = mechanism(c, asked.require, why);
  if (!by) {
    c.judge.unavailable(wanted, kControl, why);
    return std::nullopt;
  }
  NetworkPlan plan{.mechanism = *by,
                   .raw_sockets = asked.raw_sockets,
                   .own_loopback = own_network(c),
                   .record_allowed = asked.record == NetworkRecord::kAll,
                   .on_violation = asked.response()};
  if (asked.egress) plan.egress = flat_rules(*asked.egress);
  if (asked.ingress) plan.ingress = flat_rules(*asked.ingress);
  if (!asked.active()) {
    c.judge.kept(kControl, "any", "it can be cut off from the network");
    return plan;
  }
  const bool enforced =
      c.judge.tighten(RuleId::kNetwork, kControl, "any", summary(plan), gaps(c, plan));
  if (enforced) {
    if (!plan.raw_sockets) close_raw_sockets(c);
    return plan;
  }
  // Only cgroup BPF can tell without refusing.
  if (!c.judge.filtering() || plan.mechanism != Mechanism::kCgroupBpf) return std::nullopt;
  plan.on_violation = Response::kAlert;
  return plan;
}

}  // namespace holdfast
