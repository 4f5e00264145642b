#include "profiles/policy/lint.h"

#include <algorithm>

#include "core/event/names.h"
#include "profiles/policy/policy_json.h"

namespace holdfast {
namespace {

bool is_everything(const Match& match) { return json::encode(match) == "{}"; }

// Annotations that nobody is trusted with cannot loosen: the exception never matches.
bool is_dead(const PolicySet& set, const Match& match) {
  const auto& trusted = set.trusted_annotations;
  return std::any_of(match.annotations.begin(), match.annotations.end(), [&](const auto& each) {
    return std::find(trusted.begin(), trusted.end(), each.first) == trusted.end();
  });
}

bool is_used(const PolicySet& set, const std::string& name) {
  const auto names = [&](const Choice& choice) { return choice.profile == name; };
  return (set.fallback && names(*set.fallback)) ||
         std::any_of(set.rules.begin(), set.rules.end(),
                     [&](const SelectRule& rule) { return names(rule.choice); }) ||
         std::any_of(set.profiles.begin(), set.profiles.end(),
                     [&](const auto& each) { return each.second.extends == name; });
}

}  // namespace

std::vector<Warning> lint_policy(const PolicySet& set, Date today) {
  std::vector<Warning> warnings;
  const auto warn = [&](const std::string& source, std::string what) {
    warnings.push_back({source, std::move(what)});
  };
  const Choice* all = nullptr;
  for (const SelectRule& rule : set.rules) {
    const std::string& source = rule.choice.source;
    if (all) warn(source, fmt::format("is never reached: {} matches every container", all->source));
    if (!all && is_everything(rule.match)) {
      all = &rule.choice;
      warn(source, "matches every container: say it in \"default\"");
    }
    if (rule.choice.mode == Mode::kOff) warn(source, "mode off: nothing is held to any policy");
  }
  if (set.fallback && set.fallback->mode == Mode::kOff)
    warn(set.fallback->source, "mode off: nothing is held to any policy");
  for (const Exception& each : set.exceptions) {
    const std::string name = fmt::format("exception \"{}\"", each.name);
    if (each.expires && *each.expires < today)
      warn(each.source, fmt::format("{} expired on {} and opens nothing: remove it", name,
                                    scalar_text(*each.expires)));
    if (is_everything(each.match))
      warn(each.source, name + " is for every container: narrow it by \"match\"");
    if (!each.expires) warn(each.source, name + " never expires");
    if (is_dead(set, each.match))
      warn(each.source, name +
                            " opens nothing: whoever writes its annotation is not trusted "
                            "(\"trustedAnnotations\")");
  }
  if (set.audit && set.audit->level > Severity::kMedium)
    warn(set.audit_source,
         fmt::format("audit.level {}: refusals, of severity medium, are not recorded",
                     enum_name(set.audit->level)));
  for (const auto& [name, profile] : set.profiles) {
    if (!is_used(set, name)) warn(profile.source, "is used by no rule and no other profile");
    const ProgramControl& control = profile.exec.control;
    if (control.libraries && !control.drift)
      warn(profile.source, "exec.libraries does nothing without exec.drift");
    if (control.otherwise && !control.programs)
      warn(profile.source, "exec.otherwise does nothing without exec.programs");
    if (!profile.respond.empty() && !control.drift && !control.programs)
      warn(profile.source, "respond does nothing: nothing is watched");
  }
  return warnings;
}

}  // namespace holdfast
