// What of the running container is watched, and what is done about what is seen.
#include <algorithm>

#include "profiles/policy/context.h"

namespace holdfast {

void resolve_supervision(ResolveContext& c) {
  SupervisionPlan plan;
  plan.exec = resolve_exec_control(c);
  const Profile& profile = c.judge.profile();
  // Where nothing is enforced nothing is done, either.
  if (c.judge.enforcing()) {
    for (const RespondRule& rule : profile.respond)
      plan.respond.push_back({.at = rule.at,
                              .action = rule.action,
                              .release_after = rule.release_after
                                                   ? static_cast<uint32_t>(std::min<int64_t>(
                                                         rule.release_after->value, UINT32_MAX))
                                                   : 0});
    plan.on_loss = profile.on_supervisor_loss;
  } else {
    plan.on_loss = Response::kAlert;
  }
  plan.network = resolve_network(c, plan);
  if (!plan.exec && !plan.network) return;
  c.plan.supervision = std::move(plan);
}

}  // namespace holdfast
