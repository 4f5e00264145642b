// A container's Landlock domain: made while the process is still root, entered before its filters,
// and proven by an action that is denied in it and nowhere else.
//
//   HF_TRY(LandlockDomain domain, LandlockDomain::make(plan, root));   // root: "/" of the container
//   ... drop privileges, close descriptors ...
//   HF_DO(domain.enter());
//
// landlock(7). With no_new_privs anybody may enter one, without it CAP_SYS_ADMIN over the user
// namespace is needed. A domain is inherited by every descendant and never left. It also forbids all
// changes of the mount tree, and tracing processes that are not in it.
#pragma once

#include "core/base/fd.h"
#include "core/plan/plan.h"

namespace holdfast {

class LandlockDomain {
 public:
  LandlockDomain() = default;

  // The rules, by descriptors of what the grants' paths lead to inside `root`; one that leads nowhere
  // grants nothing. What the standard streams are open on may be opened again, as /dev/stdout.
  static Result<LandlockDomain> make(const LandlockPlan& plan, const DirFd& root);

  // Enters, and fails unless an execution that was possible before is denied now.
  Result<> enter();

 private:
  Fd ruleset_;
  // A file without a name that may be executed wherever no domain forbids it, but is no program.
  Fd probe_;
};

}  // namespace holdfast
