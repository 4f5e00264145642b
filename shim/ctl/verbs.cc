// The table of commands.
#include <algorithm>

#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

constexpr const CtlVerb* kVerbs[] = {
    &kAdoptVerb,       &kReleaseVerb,     &kListVerb,          &kExplainVerb,     &kVerifyVerb,
    &kWhyVerb,         &kSeccompTestVerb, &kSeccompDisasmVerb, &kSeccompSetsVerb, &kPolicyLintVerb,
    &kPolicyShowVerb,  &kPolicyTestVerb,  &kPolicyDiffVerb,    &kProfileListVerb, &kProfileShowVerb,
    &kProfileDiffVerb, &kPlanDiffVerb,    &kEventsVerb,        &kTimelineVerb,    &kAuditVerifyVerb,
    &kDoctorVerb,      &kInstallVerb,     &kUninstallVerb};

}  // namespace

std::span<const CtlVerb* const> verbs() { return kVerbs; }

std::optional<ChosenVerb> choose_verb(std::span<const std::string> words) {
  if (words.empty()) return std::nullopt;
  const std::string pair = words.size() > 1 ? words[0] + " " + words[1] : "";
  for (const CtlVerb* verb : kVerbs) {
    if (verb->syntax.name == words[0]) return ChosenVerb{verb, words.subspan(1)};
    if (verb->syntax.name == pair) return ChosenVerb{verb, words.subspan(2)};
  }
  return std::nullopt;
}

std::string overview(std::string_view group) {
  std::string lines;
  size_t width = 0;
  const auto in_group = [&](const CtlVerb* verb) {
    return group.empty() || verb->syntax.name.starts_with(std::string(group) + " ");
  };
  for (const CtlVerb* verb : kVerbs)
    if (in_group(verb)) width = std::max(width, verb->syntax.name.size());
  for (const CtlVerb* verb : kVerbs)
    if (in_group(verb))
      lines += fmt::format("  {:<{}}  {}\n", verb->syntax.name, width, verb->syntax.summary);
  if (lines.empty()) return "";
  return fmt::format(
      "holdfastctl - what holdfast applied to a container and why\n\n"
      "Usage:\n  holdfastctl {}COMMAND [options] ...\n\nCommands:\n{}\n"
      "'holdfastctl COMMAND --help' shows its options and an example.\n",
      group.empty() ? "" : std::string(group) + " ", lines);
}

}  // namespace holdfast::ctl
