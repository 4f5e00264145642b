#include "profiles/policy/resources.h"

#include <algorithm>

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

bool may_write_pids(const ResolveContext& c) {
  return c.facts.pids_controller && !c.request.rootless &&
         c.request.cgroup_driver != CgroupDriver::kDisabled;
}

}  // namespace

std::optional<int64_t> pids_limit_instead(const Judge& judge, std::optional<int64_t> asked) {
  const auto& [fallback, max] = judge.profile().limits.pids;
  if (judge.exception("limits:pids")) return std::nullopt;
  if (asked && *asked >= 0) {
    if (max && *asked > max->value) return max->value;
    return std::nullopt;
  }
  if (asked && !max) return std::nullopt;
  if (fallback) return fallback->value;
  return max ? std::optional(max->value) : std::nullopt;
}

void resolve_resources(ResolveContext& c) {
  oci::Resources& resources = c.plan.cgroup.resources;
  if (c.spec.linux_.resources) resources = *c.spec.linux_.resources;
  // A limit of 0 is how engines write "none given".
  if (resources.pids && resources.pids->limit.value_or(0) == 0) resources.pids.reset();
  const auto given = resources.pids ? resources.pids->limit : std::nullopt;
  const std::string asked = !given ? "none" : *given < 0 ? "unlimited" : fmt::format("{}", *given);
  const auto limit = pids_limit_instead(c.judge, given);
  if (!limit) {
    if (const Grant* grant = c.judge.exception("limits:pids"); grant && given.value_or(-1) < 0)
      c.judge.excepted(RuleId::kPidsLimit, "pidsLimit", asked, *grant);
    else if (given && *given < 0)
      c.judge.warned(RuleId::kPidsLimit, "pidsLimit", asked, rule_of(RuleId::kPidsLimit).fix);
    else if (given)
      c.judge.kept("pidsLimit", asked);
    return;
  }
  if (c.privileged) {
    c.judge.kept("pidsLimit", asked, "privileged");
    return;
  }
  if (!may_write_pids(c)) {
    c.judge.impossible("pidsLimit", asked, asked, "no pids controller that holdfast may write to");
    return;
  }
  if (c.judge.tighten(RuleId::kPidsLimit, "pidsLimit", asked, fmt::format("{}", *limit),
                      "a fork bomb ends here instead of at the host's limit"))
    resources.pids = oci::PidsResources{*limit};
}

}  // namespace holdfast
