// Limits of the process (setrlimit(2)): defaults where the engine gives none, ceilings for what it gives.
#include <algorithm>

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

std::string text_of(uint64_t value) {
  return value == UINT64_MAX ? "unlimited" : fmt::format("{}", value);
}

// Lowers what is above the ceiling, or adds the default; false where there is nothing to do.
bool apply(const std::string& name, const Limit& limit, std::vector<oci::Rlimit>& limits,
           std::string& asked, std::string& applied) {
  const auto found = std::find_if(limits.begin(), limits.end(),
                                  [&](const oci::Rlimit& each) { return each.type == name; });
  if (found == limits.end()) {
    if (!limit.fallback) return false;
    const auto value = static_cast<uint64_t>(limit.fallback->value);
    const uint64_t hard = limit.max ? static_cast<uint64_t>(limit.max->value) : value;
    limits.push_back({.type = name, .soft = value, .hard = hard});
    asked = fmt::format("no {}", name);
    applied = text_of(value);
    return true;
  }
  if (!limit.max || found->hard <= static_cast<uint64_t>(limit.max->value)) return false;
  asked = fmt::format("{} {}", name, text_of(found->hard));
  found->hard = static_cast<uint64_t>(limit.max->value);
  found->soft = std::min(found->soft, found->hard);
  applied = text_of(found->hard);
  return true;
}

}  // namespace

void tighten_rlimits(Judge& judge, std::vector<oci::Rlimit>& limits) {
  for (const auto& [name, limit] : judge.profile().rlimits) {
    std::vector<oci::Rlimit> tighter = limits;
    std::string asked, applied;
    if (!apply(name, limit, tighter, asked, applied)) continue;
    if (const Grant* grant = judge.exception("rlimits", name))
      judge.excepted(RuleId::kRlimits, "rlimits", asked, *grant);
    else if (judge.tighten(RuleId::kRlimits, "rlimits", asked, applied,
                           rule_of(RuleId::kRlimits).fix))
      limits = std::move(tighter);
  }
}

void resolve_rlimits(ResolveContext& c) {
  if (!c.privileged) tighten_rlimits(c.judge, c.plan.process.rlimits);
}

}  // namespace holdfast
