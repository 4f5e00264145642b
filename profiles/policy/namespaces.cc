#include <algorithm>

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

const oci::Namespace* find(const std::vector<oci::Namespace>& all, oci::NamespaceType type) {
  for (const oci::Namespace& ns : all)
    if (ns.type == type) return &ns;
  return nullptr;
}

Access access_to(const HostNamespaces& rules, oci::NamespaceType type) {
  using enum oci::NamespaceType;
  switch (type) {
    case kPid:
      return rules.pid;
    case kNetwork:
      return rules.network;
    case kIpc:
      return rules.ipc;
    case kUts:
      return rules.uts;
    case kMount:
      return rules.mount;
    default:
      return Access::kAllow;
  }
}

void judge_shared(ResolveContext& c, oci::NamespaceType type) {
  const std::string_view name = oci::spec_name(type);
  const std::string control = fmt::format("namespace {}", name);
  if (!shares_host(c.request, c.spec.linux_.namespaces, c.facts, type)) {
    const oci::Namespace* ns = find(c.spec.linux_.namespaces, type);
    c.judge.kept(control, ns->path.empty() ? "own" : ns->path);
    return;
  }
  c.judge.gate(access_to(c.judge.profile().host_namespaces, type),
               c.judge.exception("hostNamespaces", name), RuleId::kHostNamespaces, control, "host",
               fmt::format("shares the host's {} namespace", name),
               "run as asked; deny it with \"deny\": [\"hostNamespaces\"]");
}

}  // namespace

bool shares_host(const Request& request, const std::vector<oci::Namespace>& namespaces,
                 const HostFacts& facts, oci::NamespaceType type) {
  const oci::Namespace* ns = find(namespaces, type);
  if (!ns) return true;
  if (ns->path.empty()) return false;
  const auto id = request.namespace_ids.find(ns->path);
  if (id == request.namespace_ids.end()) return true;
  return std::find(facts.host_namespaces.begin(), facts.host_namespaces.end(), id->second) !=
         facts.host_namespaces.end();
}

Result<> resolve_namespaces(ResolveContext& c) {
  using enum oci::NamespaceType;
  const auto& namespaces = c.spec.linux_.namespaces;
  c.plan.namespaces = namespaces;
  if (!find(namespaces, kMount)) return error("linux.namespaces: a mount namespace is required");
  if (!c.spec.hostname.empty() && !find(namespaces, kUts))
    return error("hostname: cannot be set without a uts namespace in linux.namespaces");
  if (!c.spec.domainname.empty() && !find(namespaces, kUts))
    return error("domainname: cannot be set without a uts namespace in linux.namespaces");
  if (!c.spec.linux_.net_devices.empty() && !find(namespaces, kNetwork))
    return error("linux.netDevices: needs a network namespace in linux.namespaces");
  if (c.spec.linux_.time_offsets && !find(namespaces, kTime))
    return error("linux.timeOffsets: needs a time namespace in linux.namespaces");
  if (c.request.rootless && c.facts.euid != 0 && !find(namespaces, kUser))
    return error(
        "linux.namespaces: a user namespace is required when holdfast does not run as root");

  for (const oci::NamespaceType type : {kPid, kNetwork, kIpc, kUts, kMount}) judge_shared(c, type);
  resolve_user_namespace(c);
  // An absent cgroup namespace is what every engine asks for on cgroup v1.
  c.judge.kept("namespace cgroup",
               shares_host(c.request, namespaces, c.facts, kCgroup) ? "host" : "own");
  return {};
}

}  // namespace holdfast
