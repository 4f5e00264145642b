#include "core/plan/sysctl.h"

#include <algorithm>

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

using enum oci::NamespaceType;

}  // namespace

bool is_allowed_sysctl(const Profile& profile, std::string_view name) {
  return std::any_of(profile.sysctl.begin(), profile.sysctl.end(), [&](std::string_view pattern) {
    if (!pattern.ends_with('*')) return pattern == name;
    return name.starts_with(pattern.substr(0, pattern.size() - 1));
  });
}

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
    c.judge.gate(is_allowed_sysctl(c.judge.profile(), name) ? Access::kAllow : Access::kDeny,
                 c.judge.exception("sysctl", name), RuleId::kSysctl, "sysctl", name,
                 fmt::format("sets kernel parameter {}", name), "");
  }
  return {};
}

}  // namespace holdfast
