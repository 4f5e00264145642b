#include "sandbox/kernel/nftables.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/plan/cidr.h"
#include "sandbox/kernel/bpf/network_pins.h"

namespace holdfast {
namespace {

// Without them addresses of version 6 do not even find their neighbours.
constexpr char kNeighbours[] =
    "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, "
    "nd-router-advert } "
    "accept\n";

void add_rule(std::string& text, const NetworkRule& rule, std::string_view side) {
  text += "    ";
  if (const auto network = parse_cidr(rule.cidr))
    text += fmt::format("{} {} {} ", network->v4 ? "ip" : "ip6", side, rule.cidr);
  const bool any_port = rule.ports == PortRange{};
  if (rule.protocol != Protocol::kAny || !any_port) {
    text += rule.protocol == Protocol::kTcp   ? "meta l4proto tcp "
            : rule.protocol == Protocol::kUdp ? "meta l4proto udp "
                                              : "meta l4proto { tcp, udp } ";
    if (!any_port) text += fmt::format("th dport {}-{} ", rule.ports.first, rule.ports.last);
  }
  text += "accept\n";
}

void add_chain(std::string& text, std::string_view name, std::string_view hook,
               std::string_view side, const NetworkPlan& plan,
               const std::vector<NetworkRule>& rules) {
  text +=
      fmt::format("  chain {} {{\n    type filter hook {} priority 0; policy drop;\n", name, hook);
  text += "    ct state established,related accept\n";
  text += kNeighbours;
  if (plan.own_loopback)
    for (const char* network : {"127.0.0.0/8", "::1"}) add_rule(text, {.cidr = network}, side);
  for (const NetworkRule& each : rules) add_rule(text, each, side);
  text += "  }\n";
}

}  // namespace

std::string nftables_rules(const NetworkPlan& plan) {
  std::string text = "table inet holdfast {\n";
  if (plan.egress) add_chain(text, "egress", "output", "daddr", plan, *plan.egress);
  if (plan.ingress) add_chain(text, "ingress", "input", "saddr", plan, *plan.ingress);
  return text + "}\n";
}

bool nftables_available() {
  const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket) return false;
  struct {
    nlmsghdr header;
    nfgenmsg message;
  } request{};
  request.header = {.nlmsg_len = sizeof request,
                    .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
                    .nlmsg_flags = NLM_F_REQUEST,
                    .nlmsg_seq = 1,
                    .nlmsg_pid = 0};
  if (::send(socket.get(), &request, sizeof request, 0) != sizeof request) return false;
  char answer[4096];
  const ssize_t size = ::recv(socket.get(), answer, sizeof answer, 0);
  if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) return false;
  return reinterpret_cast<const nlmsghdr*>(answer)->nlmsg_type != NLMSG_ERROR;
}

Result<> apply_nftables(const NetworkPlan& plan, const Fd& netns) {
  return with_context(run_network_helper("filter", nftables_rules(plan), netns.get()), "nftables");
}

Result<> compare_nftables(const NetworkPlan& plan, const Fd& netns) {
  return with_context(run_network_helper("compare", nftables_rules(plan), netns.get()), "nftables");
}

}  // namespace holdfast
