// Memory that is never writable and executable (PR_SET_MDWE): opt-in, because JIT compilers need it.
#include "profiles/policy/context.h"

namespace holdfast {

void resolve_mdwe(ResolveContext& c) {
  const Requirement wanted =
      c.privileged ? Requirement::kOff
                   : c.judge.wanted(c.judge.profile().mdwe, RuleId::kMdwe, "mdwe");
  if (wanted == Requirement::kOff) return;
  if (!c.facts.mdwe)
    return c.judge.unavailable(wanted, "mdwe", "PR_SET_MDWE needs Linux 6.3");
  if (c.judge.tighten(RuleId::kMdwe, "mdwe", "off", "on",
                      "code is what the image brought: none is made at run time"))
    c.plan.process.mdwe = true;
}

}  // namespace holdfast
