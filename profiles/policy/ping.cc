// ping(8) without CAP_NET_RAW: ICMP echo sockets instead of raw ones.
//
// A program whose file demands a capability that it cannot get does not start at all (capabilities(7),
// "Safety checking for capability-dumb binaries"), although ping would do without. On a mount that is
// nosuid the kernel does not look at what files demand.
#include <linux/capability.h>

#include <algorithm>

#include "profiles/policy/capabilities.h"
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

using oci::NamespaceType;

constexpr std::string_view kGroups = "net.ipv4.ping_group_range";
constexpr uint64_t kNetRaw = capability_bit(CAP_NET_RAW);

bool makes(const Plan& plan, NamespaceType type) {
  const oci::Namespace* ns = find_namespace(plan, type);
  return ns && ns->path.empty();
}

bool names_groups(const oci::StringMap& sysctl) {
  return std::any_of(sysctl.begin(), sysctl.end(), [](const auto& each) {
    return each.first == kGroups || each.first == "net/ipv4/ping_group_range";
  });
}

// All groups of the container's; empty: it may not set them.
std::string every_group(const ResolveContext& c) {
  // 2^31 - 1 is the highest that the kernel takes. What is not mapped it refuses; where the mapping is
  // not known yet, map_mounts() knows the groups.
  if (c.plan.rootfs_idmap || !find_namespace(c.plan, NamespaceType::kUser))
    return c.facts.in_user_namespace ? "" : "0 2147483647";
  // A network namespace that was made outside of the user namespace does not obey its root.
  if (!makes(c.plan, NamespaceType::kUser) || !makes(c.plan, NamespaceType::kNetwork)) return "";
  for (const oci::IdMapping& each : c.plan.gid_mappings)
    if (each.container_id == 0 && each.size > 0)
      return fmt::format("0 {}", std::min(each.size - 1, uint32_t{2147483647}));
  return "";
}

void open_echo_sockets(ResolveContext& c) {
  if (names_groups(c.plan.sysctl) ||
      shares_host(c.request, c.spec.linux_.namespaces, c.facts, NamespaceType::kNetwork) ||
      !is_allowed_sysctl(c.judge.profile(), kGroups))
    return;
  const std::string groups = every_group(c);
  if (!groups.empty() && c.judge.tighten(RuleId::kDefaultCapabilities, "sysctl", "+NET_RAW",
                                         fmt::format("{} = {}", kGroups, groups),
                                         "ICMP echo sockets, so that ping works without raw ones"))
    c.plan.sysctl.emplace(kGroups, groups);
}

}  // namespace

void resolve_ping(ResolveContext& c) {
  if (!c.request.ping || !c.judge.active()) return;
  const uint64_t asked = asked_capabilities(c.spec.process->capabilities).sets.bounding;
  const uint64_t granted = c.plan.process.capabilities.bounding;
  if ((asked & kNetRaw) == 0 || (granted & kNetRaw) != 0) return;
  open_echo_sockets(c);
  const Request::Ping& ping = *c.request.ping;
  const uint64_t refused = ping.demands & ~granted;
  if (refused == 0 || !makes(c.plan, NamespaceType::kMount)) return;
  if (c.judge.tighten(
          RuleId::kDefaultCapabilities, "fileCapabilities",
          fmt::format("{}: +{}", ping.path, capability_text(refused)), "none: mounted nosuid",
          "its file demands what is not granted, and it would not start; while the container runs "
          "the file cannot be replaced or removed (--cap-drop NET_RAW leaves it as it is)"))
    c.plan.nosuid_paths.push_back(ping.path);
}

}  // namespace holdfast
