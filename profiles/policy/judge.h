// Judge: collects what resolve() decides, and applies the mode.
//
//   Judge judge(policy);
//   if (judge.tighten(RuleId::kNoNewPrivileges, "noNewPrivileges", "false", "true", "...")) process.nnp = true;
//   judge.refuse(RuleId::kCapabilities, "capabilities", "+SYS_ADMIN", "adds capability SYS_ADMIN");
//   if (auto refusal = judge.refusal()) return Failure(*refusal);
//
// Mode enforce: tighten() says yes, refuse() adds a violation. Modes warn and audit: both only record
// what would have been done. Mode off: nothing is judged (`active()` is false) and nothing recorded.
//
// A protection of ours, in a file of its own:
//
//   const Requirement wanted = judge.wanted(judge.profile().mdwe, RuleId::kMdwe, "mdwe");
//   if (wanted == Requirement::kOff) return;
//   if (!c.facts.mdwe) return judge.unavailable(wanted, "mdwe", "this kernel has no PR_SET_MDWE");
//   if (judge.tighten(RuleId::kMdwe, "mdwe", "off", "on", "...")) c.plan.process.mdwe = true;
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "profiles/policy/policy.h"
#include "profiles/policy/rules.h"

namespace holdfast {

class Judge {
 public:
  explicit Judge(const Policy& policy) : policy_(policy) {}

  bool active() const { return policy_.mode != Mode::kOff; }
  bool enforcing() const { return policy_.mode == Mode::kEnforce; }
  // Filters of ours are loaded: to deny, or (mode warn) to log.
  bool filtering() const { return enforcing() || policy_.mode == Mode::kWarn; }
  // What the container may have: the policy's profile, and in mode off one that gives everything.
  const Profile& profile() const {
    return active() ? policy_.profile : *shipped_profile("observe");
  }
  // What an exception of the policy gives, or nullptr.
  const Grant* exception(std::string_view name) const;
  // exception("mounts:" + detail), or exception("mounts").
  const Grant* exception(std::string_view name, std::string_view detail) const;

  void kept(std::string_view control, std::string_view asked, std::string_view why = {});
  // Applied as asked although the profile says otherwise: an exception, or reported loudly.
  void warned(RuleId rule, std::string_view control, std::string_view asked, std::string_view why);
  void excepted(RuleId rule, std::string_view control, std::string_view asked, const Grant& grant);
  void impossible(std::string_view control, std::string_view asked, std::string_view applied,
                  std::string_view why);
  // Whether the caller is to apply the tighter value.
  [[nodiscard]] bool tighten(RuleId rule, std::string_view control, std::string_view asked,
                             std::string_view applied, std::string_view why);
  // Tightened whatever the mode: what no runtime does since a CVE.
  void always(RuleId rule, std::string_view control, std::string_view asked,
              std::string_view applied, std::string_view why);
  // `phrase` goes into the refusal: "adds capability SYS_ADMIN".
  void refuse(RuleId rule, std::string_view control, std::string_view asked,
              std::string_view phrase);
  // Gives, reports or refuses what is asked, as the profile says and unless an exception says otherwise.
  // `why` explains what is reported.
  void gate(Access access, const Grant* grant, RuleId rule, std::string_view control,
            std::string_view asked, std::string_view phrase, std::string_view why);

  // How much a protection is wanted: what the profile says, off in mode off and where an exception of
  // this name is given (which is recorded).
  Requirement wanted(Requirement profile, RuleId rule, std::string_view control);
  // The host cannot: told where the profile says auto, refused where it says require.
  void unavailable(Requirement wanted, std::string_view control, std::string_view why);

  std::vector<Decision> take_decisions() { return std::move(decisions_); }
  // All violations in one line, each rule with its fix once; or nothing.
  std::optional<Error> refusal() const;

 private:
  void add(std::string_view control, std::string_view asked, std::string_view applied,
           Outcome outcome, std::string_view rule, std::string_view why);

  std::string_view mode_name() const;

  const Policy& policy_;
  std::vector<Decision> decisions_;
  struct Violation {
    RuleId rule;
    std::string phrase;  // "adds capability SYS_ADMIN"
  };
  std::vector<Violation> violations_;
};

// One line: control characters become '?', and what engines read as exit codes 126 and 127
// ("permission denied", "no such file") is spelt with underscores.
std::string one_line(std::string_view text);

}  // namespace holdfast
