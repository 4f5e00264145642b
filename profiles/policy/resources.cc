#include "profiles/policy/resources.h"

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

// Enough for anything that is not a fork bomb (half of the smallest pid space that kernels give),
// and what Pod Security's users set for small services.
constexpr int64_t kBaselinePids = 16384;
constexpr int64_t kRestrictedPids = 4096;

}  // namespace

std::optional<int64_t> default_pids_limit(const Judge& judge) {
  if (!judge.active() || judge.exception("pids-limit")) return std::nullopt;
  return judge.restricted() ? kRestrictedPids : kBaselinePids;
}

void resolve_resources(ResolveContext& c) {
  oci::Resources& resources = c.plan.cgroup.resources;
  if (c.spec.linux_.resources) resources = *c.spec.linux_.resources;
  // A limit of 0 is how engines write "none given".
  if (resources.pids && resources.pids->limit.value_or(0) == 0) resources.pids.reset();
  const bool given = resources.pids.has_value();
  const bool unlimited = given && *resources.pids->limit < 0;
  const auto limit = default_pids_limit(c.judge);
  if (given && !(unlimited && c.judge.restricted())) {
    if (unlimited)
      c.judge.warned(RuleId::kPidsLimit, "pidsLimit", "unlimited", rule_of(RuleId::kPidsLimit).fix);
    else
      c.judge.kept("pidsLimit", fmt::format("{}", *resources.pids->limit));
    return;
  }
  const std::string asked = given ? "unlimited" : "none";
  if (!limit) {
    if (const Exception* e = c.judge.exception("pids-limit"))
      c.judge.excepted(RuleId::kPidsLimit, "pidsLimit", asked, *e);
    return;
  }
  if (c.privileged) {
    c.judge.kept("pidsLimit", asked, "privileged");
    return;
  }
  if (!c.facts.pids_controller || c.request.rootless ||
      c.request.cgroup_driver == CgroupDriver::kDisabled) {
    c.judge.impossible("pidsLimit", asked, asked, "no pids controller that holdfast may write to");
    return;
  }
  if (c.judge.tighten(RuleId::kPidsLimit, "pidsLimit", asked, fmt::format("{}", *limit),
                      "a fork bomb ends here instead of at the host's limit"))
    resources.pids = oci::PidsResources{*limit};
}

}  // namespace holdfast
