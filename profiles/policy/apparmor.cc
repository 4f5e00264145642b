// AppArmor: the engine's profile as asked, and ours beneath it.
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

constexpr std::string_view kControl = "appArmor";

bool is_unconfined(std::string_view profile) { return profile.empty() || profile == "unconfined"; }

// Why ours cannot be applied; empty: it can.
std::string obstacle(const ResolveContext& c) {
  return c.facts.apparmor ? c.request.apparmor_obstacle : "this kernel has no AppArmor";
}

void keep_engines(ResolveContext& c, std::string_view why) {
  const std::string& asked = c.plan.process.apparmor_profile;
  if (!c.facts.apparmor)
    c.judge.impossible(kControl, asked, "", "this kernel has no AppArmor");
  else if (is_unconfined(asked))
    c.judge.warned(RuleId::kAppArmor, kControl, "unconfined",
                   why.empty() ? rule_of(RuleId::kAppArmor).fix : why);
  else
    c.judge.kept(kControl, asked, why);
}

}  // namespace

Result<AppArmorProfile> resolve_apparmor(ResolveContext& c) {
  std::string& label = c.plan.process.apparmor_profile;
  label = c.spec.process->apparmor_profile;
  if (!c.facts.apparmor && !is_unconfined(label))
    return error("process.apparmorProfile: \"{}\" is asked for, but this kernel has no AppArmor",
                 label);
  if (!c.facts.apparmor) label.clear();

  const Requirement wanted =
      c.judge.wanted(c.judge.profile().app_armor, RuleId::kAppArmor, kControl);
  const std::string why_not = obstacle(c);
  if (wanted == Requirement::kOff) {
    keep_engines(c, "");
  } else if (c.privileged) {
    keep_engines(c, "privileged: what a profile of ours denies is what it is for");
  } else if (!why_not.empty()) {
    if (c.facts.apparmor) keep_engines(c, "");
    c.judge.unavailable(wanted, kControl, why_not);
  } else {
    const bool stacked = !is_unconfined(label);
    AppArmorProfile ours = apparmor_profile(
        c.plan, {.stacked = stacked, .nested = c.judge.exception("nestedContainers") != nullptr});
    const std::string applied = stacked ? label + "//&" + ours.label : ours.label;
    if (c.judge.tighten(RuleId::kAppArmor, kControl, stacked ? label : "unconfined", applied,
                        "a profile made of this plan")) {
      label = applied;
      return ours;
    }
  }
  return AppArmorProfile{};
}

}  // namespace holdfast
