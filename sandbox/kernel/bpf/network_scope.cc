#include "sandbox/kernel/bpf/network_scope.h"

#include <netinet/in.h>

#include <cstring>

#include "core/plan/cidr.h"
#include "core/plan/isolation.h"
#include "profiles/policy/network_rules.h"

namespace holdfast {

static_assert(HF_NET_RULES == kMostNetworkRules);

namespace {

enum Purpose : unsigned {
  kPeers = 1,    // connections that are made
  kBinds = 2,    // sockets that are bound
  kSockets = 4,  // sockets that are made
  kLeaving = 8,
  kArriving = 16
};

struct Row {
  NetworkHook hook;
  Purpose purpose;
};

constexpr Row kHooks[] = {
    {{"hf_connect4", BPF_CGROUP_INET4_CONNECT}, kPeers},
    {{"hf_connect6", BPF_CGROUP_INET6_CONNECT}, kPeers},
    {{"hf_sendmsg4", BPF_CGROUP_UDP4_SENDMSG}, kPeers},
    {{"hf_sendmsg6", BPF_CGROUP_UDP6_SENDMSG}, kPeers},
    {{"hf_bind4", BPF_CGROUP_INET4_BIND}, kBinds},
    {{"hf_bind6", BPF_CGROUP_INET6_BIND}, kBinds},
    {{"hf_sock_create", BPF_CGROUP_INET_SOCK_CREATE}, kSockets},
    {{"hf_egress", BPF_CGROUP_INET_EGRESS}, kLeaving},
    {{"hf_ingress", BPF_CGROUP_INET_INGRESS}, kArriving},
};

unsigned purposes(const SupervisionPlan& plan) {
  if (!plan.network || plan.network->mechanism != Mechanism::kCgroupBpf) return 0;
  const NetworkPlan& network = *plan.network;
  unsigned all = 0;
  if (network.egress) all |= kPeers | kLeaving;
  if (network.ingress) all |= kBinds | kArriving;
  if (network.record_allowed) all |= kPeers | kBinds;
  if (!network.raw_sockets) all |= kSockets;
  if (isolates(plan)) all |= kPeers | kLeaving | kArriving;
  return all;
}

void copy(__u64 (&to)[2], const std::array<uint8_t, 16>& from) {
  static_assert(sizeof to == sizeof from);
  std::memcpy(to, from.data(), sizeof to);
}

Result<hf_net_rule> encode(const NetworkRule& rule, uint8_t use) {
  hf_net_rule to{};
  to.use = use;
  to.first = rule.ports.first;
  to.last = rule.ports.last;
  if (rule.protocol == Protocol::kTcp) to.protocol = IPPROTO_TCP;
  if (rule.protocol == Protocol::kUdp) to.protocol = IPPROTO_UDP;
  if (rule.cidr.empty()) return to;
  const auto network = parse_cidr(rule.cidr);
  if (!network) return error("network: \"{}\" is no network", rule.cidr);
  to.family = network->v4 ? 4 : 6;
  copy(to.address, network->address);
  copy(to.mask, mask_of(*network));
  return to;
}

}  // namespace

std::vector<const NetworkHook*> network_hooks(const SupervisionPlan& plan) {
  const unsigned wanted = purposes(plan);
  std::vector<const NetworkHook*> hooks;
  for (const Row& row : kHooks)
    if (wanted & row.purpose) hooks.push_back(&row.hook);
  return hooks;
}

Result<hf_net_scope> network_scope(const NetworkPlan& plan, uint64_t cgroup, uint32_t slot) {
  hf_net_scope scope{};
  scope.abi = HF_NET_ABI;
  scope.slot = slot;
  scope.cgroup = cgroup;
  const auto add = [&](const std::optional<std::vector<NetworkRule>>& rules,
                       uint8_t use) -> Result<> {
    if (!rules) return {};
    for (const NetworkRule& rule : *rules) {
      if (scope.count == HF_NET_RULES)
        return error("network: more than {} rules (one for each network and range of ports)",
                     HF_NET_RULES);
      HF_TRY(scope.rules[scope.count], encode(rule, use));
      ++scope.count;
    }
    return {};
  };
  HF_DO(add(plan.egress, HF_NET_EGRESS));
  HF_DO(add(plan.ingress, HF_NET_INGRESS | HF_NET_BIND));
  const auto set = [&](bool condition, uint32_t flag) {
    if (condition) scope.flags |= flag;
  };
  set(plan.egress.has_value(), HF_NET_LIMITS_EGRESS);
  set(plan.ingress.has_value(), HF_NET_LIMITS_INGRESS);
  set(!plan.raw_sockets, HF_NET_NO_RAW);
  set(plan.own_loopback, HF_NET_OWN_LOOPBACK);
  set(plan.record_allowed, HF_NET_RECORD_ALLOWED);
  set(plan.on_violation == Response::kAlert, HF_NET_TELL_ONLY);
  return scope;
}

}  // namespace holdfast
