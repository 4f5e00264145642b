#include "profiles/policy/network_rules.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/plan/cidr.h"

namespace holdfast {
namespace {

constexpr std::string_view kForm = "expected a port such as 8080/tcp, 53, 8000-8100/udp or any/udp";

bool parse_range(std::string_view text, PortRange& range) {
  if (text == "any") return true;
  const size_t dash = text.find('-');
  const auto first = parse_number<uint16_t>(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_number<uint16_t>(text.substr(dash + 1));
  if (!first || !last || *first == 0 || *first > *last) return false;
  range = {*first, *last};
  return true;
}

std::string range_text(const PortRange& range) {
  if (range == PortRange{}) return "any";
  if (range.first == range.last) return fmt::format("{}", range.first);
  return fmt::format("{}-{}", range.first, range.last);
}

void flatten(const std::string& peer, const std::vector<Ports>& ports,
             std::vector<NetworkRule>& all) {
  if (ports.empty()) all.push_back({.cidr = peer});
  for (const Ports& each : ports)
    all.push_back({.cidr = peer, .protocol = each.protocol, .ports = each.range});
}

bool covers_peer(const std::string& network, const std::string& other) {
  if (network.empty() || network == other) return true;
  const auto outer = parse_cidr(network), inner = parse_cidr(other);
  return outer && inner && contains(*outer, *inner);
}

// Networks lie within each other or apart.
std::optional<NetworkRule> both_of(const NetworkRule& a, const NetworkRule& b) {
  NetworkRule both = a;
  if (covers_peer(a.cidr, b.cidr))
    both.cidr = b.cidr;
  else if (!covers_peer(b.cidr, a.cidr))
    return std::nullopt;
  if (a.protocol == Protocol::kAny)
    both.protocol = b.protocol;
  else if (b.protocol != Protocol::kAny && a.protocol != b.protocol)
    return std::nullopt;
  both.ports = {std::max(a.ports.first, b.ports.first), std::min(a.ports.last, b.ports.last)};
  if (both.ports.first > both.ports.last) return std::nullopt;
  return both;
}

void add_widest(std::vector<NetworkRule>& list, const NetworkRule& each) {
  const auto covered = [&](const NetworkRule& one) { return covers(one, each); };
  if (std::any_of(list.begin(), list.end(), covered)) return;
  std::erase_if(list, [&](const NetworkRule& one) { return covers(each, one); });
  list.push_back(each);
}

std::vector<NetworkRule> meet(const std::vector<NetworkRule>& a,
                              const std::vector<NetworkRule>& b) {
  std::vector<NetworkRule> both;
  for (const NetworkRule& mine : a)
    for (const NetworkRule& other : b)
      if (const auto each = both_of(mine, other)) add_widest(both, *each);
  return both;
}

template <class Rule>
std::vector<Rule> grouped(const std::vector<NetworkRule>& flat, std::string Rule::*peer) {
  std::vector<Rule> rules;
  for (const NetworkRule& each : flat) {
    Rule rule;
    rule.*peer = each.cidr;
    const Ports ports{each.protocol, each.ports};
    if (ports != Ports{}) rule.ports.push_back(ports);
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

std::string parse_scalar(std::string_view text, Ports& out) {
  out = {};
  const size_t slash = text.find('/');
  if (slash != text.npos) {
    const std::string_view protocol = text.substr(slash + 1);
    if (protocol == "tcp")
      out.protocol = Protocol::kTcp;
    else if (protocol == "udp")
      out.protocol = Protocol::kUdp;
    else
      return std::string(kForm);
  }
  return parse_range(text.substr(0, slash), out.range) ? "" : std::string(kForm);
}

std::string scalar_text(const Ports& value) {
  const std::string range = range_text(value.range);
  if (value.protocol == Protocol::kAny) return range;
  return range + (value.protocol == Protocol::kTcp ? "/tcp" : "/udp");
}

std::string parse_short(std::string_view text, IngressRule& out) {
  out = {};
  return parse_scalar(text, out.ports.emplace_back());
}
std::string short_text(const IngressRule& value) {
  return value.from.empty() && value.ports.size() == 1 ? scalar_text(value.ports[0])
                                                       : std::string();
}

std::vector<NetworkRule> flat_rules(const std::vector<EgressRule>& rules) {
  std::vector<NetworkRule> all;
  for (const EgressRule& each : rules) flatten(each.to, each.ports, all);
  return all;
}
std::vector<NetworkRule> flat_rules(const std::vector<IngressRule>& rules) {
  std::vector<NetworkRule> all;
  for (const IngressRule& each : rules) flatten(each.from, each.ports, all);
  return all;
}

bool covers(const NetworkRule& rule, const NetworkRule& other) {
  return (rule.protocol == Protocol::kAny || rule.protocol == other.protocol) &&
         rule.ports.first <= other.ports.first && rule.ports.last >= other.ports.last &&
         covers_peer(rule.cidr, other.cidr);
}

const NetworkRule* first_beyond(const std::vector<NetworkRule>& rules,
                                const std::vector<NetworkRule>& bound) {
  for (const NetworkRule& each : rules)
    if (std::none_of(bound.begin(), bound.end(),
                     [&](const NetworkRule& one) { return covers(one, each); }))
      return &each;
  return nullptr;
}

std::vector<EgressRule> meet_rules(const std::vector<EgressRule>& a,
                                   const std::vector<EgressRule>& b) {
  return grouped(meet(flat_rules(a), flat_rules(b)), &EgressRule::to);
}
std::vector<IngressRule> meet_rules(const std::vector<IngressRule>& a,
                                    const std::vector<IngressRule>& b) {
  return grouped(meet(flat_rules(a), flat_rules(b)), &IngressRule::from);
}

std::string rules_text(const std::vector<NetworkRule>& rules) {
  constexpr size_t kShown = 4;
  std::vector<std::string> parts;
  for (const NetworkRule& each : rules) {
    if (parts.size() == kShown) {
      parts.push_back(fmt::format("{} more", rules.size() - kShown));
      break;
    }
    const Ports ports{each.protocol, each.ports};
    const std::string peer = each.cidr.empty() ? "any" : each.cidr;
    parts.push_back(ports == Ports{} ? peer : peer + " " + scalar_text(ports));
  }
  return parts.empty() ? "nothing" : join(parts, ", ");
}

}  // namespace holdfast
