#include "sandbox/supervise/decide.h"

#include <algorithm>

namespace holdfast {
namespace {

bool allows_but_for_content(const ProgramRule& rule, const ExecFacts& facts) {
  if (rule.image && (!facts.on_image || drifted(facts))) return false;
  return matches(rule.path, facts.path) && matches(rule.parent, facts.parent);
}

bool allows(const ProgramRule& rule, const ExecFacts& facts) {
  if (!rule.sha256.empty() && rule.sha256 != facts.sha256) return false;
  return allows_but_for_content(rule, facts);
}

Verdict violation(Response response, std::string_view rule, std::string_view why,
                  const std::vector<ResponseRule>& respond) {
  Verdict verdict{.told = true,
                  .rule = rule,
                  .severity = Severity::kHigh,
                  .response = response,
                  .release_after = 0,
                  .why = why};
  for (const ResponseRule& each : respond) {
    if (verdict.severity < each.at || each.action < verdict.response) continue;
    if (each.action > verdict.response) {
      verdict.response = each.action;
      verdict.release_after = each.release_after;
    } else if (verdict.release_after == 0 || each.release_after == 0) {
      verdict.release_after = 0;  // of two that freeze the longer one counts, and this is for ever
    } else {
      verdict.release_after = std::max(verdict.release_after, each.release_after);
    }
  }
  return verdict;
}

bool has_name(const ExecFacts& facts) { return facts.links > 0; }

}  // namespace

bool matches(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return true;
  if (!pattern.ends_with('*')) return pattern == path;
  return path.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool drifted(const ExecFacts& facts) { return !has_name(facts) || facts.changed >= facts.started; }

bool hash_matters(const ExecControlPlan& plan, const ExecFacts& facts) {
  if (!plan.allow || facts.loader) return false;
  if (plan.drift && drifted(facts)) return false;
  bool by_content = false;
  for (const ProgramRule& each : *plan.allow) {
    if (!allows_but_for_content(each, facts)) continue;
    if (each.sha256.empty()) return false;
    by_content = true;
  }
  return by_content;
}

bool parent_matters(const ExecControlPlan& plan) {
  return plan.allow && std::any_of(plan.allow->begin(), plan.allow->end(),
                                   [](const ProgramRule& each) { return !each.parent.empty(); });
}

Verdict decide_exec(const ExecControlPlan& plan, const std::vector<ResponseRule>& respond,
                    const ExecFacts& facts) {
  if (plan.drift && drifted(facts))
    return violation(*plan.drift, "drift-exec",
                     has_name(facts) ? "it was made or changed after the container started"
                                     : "it has no name any more",
                     respond);
  if (!plan.allow || facts.loader) return {};
  const bool allowed = std::any_of(plan.allow->begin(), plan.allow->end(),
                                   [&](const ProgramRule& each) { return allows(each, facts); });
  if (allowed) return {};
  return violation(plan.other.value_or(Response::kDeny), "unlisted-exec",
                   "it is not among the programs that the profile allows", respond);
}

Verdict decide_open(const ExecControlPlan& plan, const std::vector<ResponseRule>& respond,
                    const ExecFacts& facts) {
  if (!plan.libraries || !plan.drift || !drifted(facts)) return {};
  return violation(*plan.drift, "drift-library",
                   "it holds code and was made or changed after the container started", respond);
}

}  // namespace holdfast
