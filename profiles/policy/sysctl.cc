#include "core/plan/sysctl.h"

#include <algorithm>

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

using enum oci::NamespaceType;

// Pod Security Standards' safe ones (check id sysctls).
constexpr std::string_view kSafe[] = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
};

}  // namespace

Result<> resolve_sysctl(ResolveContext& c) {
  c.plan.sysctl = c.spec.linux_.sysctl;
  if (c.plan.sysctl.empty()) return {};
  const auto is_own = [&](oci::NamespaceType type) {
    return !shares_host(c.request, c.spec.linux_.namespaces, c.facts, type);
  };
  const OwnNamespaces own{.ipc = is_own(kIpc), .net = is_own(kNetwork), .uts = is_own(kUts)};
  for (const auto& [written, value] : c.spec.linux_.sysctl) {
    HF_DO(validate_sysctl(written, own));
    HF_TRY(std::string name, sysctl_path(written));
    for (char& letter : name) letter = letter == '/' ? '.' : letter == '.' ? '/' : letter;
    if (!c.judge.restricted() ||
        std::find(std::begin(kSafe), std::end(kSafe), name) != std::end(kSafe))
      c.judge.kept("sysctl", name);
    else if (const Exception* e = c.judge.exception("sysctl", name))
      c.judge.excepted(RuleId::kSysctl, "sysctl", name, *e);
    else
      c.judge.refuse(RuleId::kSysctl, "sysctl", name,
                     fmt::format("sets kernel parameter {}", name));
  }
  return {};
}

}  // namespace holdfast
