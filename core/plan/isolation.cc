#include "core/plan/isolation.h"

#include <algorithm>

namespace holdfast {

bool isolates(const SupervisionPlan& plan) {
  constexpr Response kCut = Response::kIsolate;
  if (plan.exec && (plan.exec->drift == kCut || plan.exec->other == kCut)) return true;
  if (plan.integrity && plan.integrity->on_violation == kCut) return true;
  if (plan.network && plan.network->on_violation == kCut) return true;
  const auto cuts = [](const auto& rules, auto member) {
    return std::any_of(rules.begin(), rules.end(),
                       [&](const auto& rule) { return rule.*member == kCut; });
  };
  return cuts(plan.notify, &NotifyRule::answer) || cuts(plan.respond, &ResponseRule::action);
}

}  // namespace holdfast
