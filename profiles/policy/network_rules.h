// The lists of a profile's "network" section, and their order.
//
//   {"egress": [{"to": "10.0.0.0/8", "ports": ["5432/tcp", "8000-8100/tcp"]}, {"ports": ["53"]}],
//    "ingress": ["8080/tcp", {"from": "10.0.0.0/8", "ports": ["9090/tcp"]}]}
//
//   auto rules = flat_rules(control.egress);        // one for each network and range of ports
//   meet_rules(a, b);                               // what both allow
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan/supervision.h"

namespace holdfast {

// "5432/tcp", "8000-8100/udp", "53" (tcp and udp), "any/udp"; as JSON one string, or a number.
struct Ports {
  Protocol protocol = Protocol::kAny;
  PortRange range{};
  bool operator==(const Ports&) const = default;
};
std::string parse_scalar(std::string_view text, Ports& out);
std::string scalar_text(const Ports& value);

// One container's, egress and ingress together.
inline constexpr size_t kMostNetworkRules = 101;

// Who may be reached, at which ports; absent: any. An egress rule calls it "to".
struct EgressRule {
  std::string to{};
  std::vector<Ports> ports{};
  bool operator==(const EgressRule&) const = default;
};
// Who may come ("from"), to which ports of the container's own. Written "8080/tcp" where it is anyone.
struct IngressRule {
  std::string from{};
  std::vector<Ports> ports{};
  bool operator==(const IngressRule&) const = default;
};
std::string parse_short(std::string_view text, IngressRule& out);
std::string short_text(const IngressRule& value);

std::vector<NetworkRule> flat_rules(const std::vector<EgressRule>& rules);
std::vector<NetworkRule> flat_rules(const std::vector<IngressRule>& rules);

// Whether all that `other` allows is allowed by `rule`.
bool covers(const NetworkRule& rule, const NetworkRule& other);
// The first rule of `rules` that none of `bound` covers, or nullptr.
const NetworkRule* first_beyond(const std::vector<NetworkRule>& rules,
                                const std::vector<NetworkRule>& bound);
// What both allow, none of it twice.
std::vector<EgressRule> meet_rules(const std::vector<EgressRule>& a,
                                   const std::vector<EgressRule>& b);
std::vector<IngressRule> meet_rules(const std::vector<IngressRule>& a,
                                    const std::vector<IngressRule>& b);

// "10.0.0.0/8 5432/tcp, any 53": for a decision; the first few.
std::string rules_text(const std::vector<NetworkRule>& rules);

}  // namespace holdfast
