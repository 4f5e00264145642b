// Controls of a profile that nothing applies yet. What is required and cannot be is refused, never let
// pass in silence.
//
// Whoever makes one real takes its line out of here and calls resolve_THAT() in resolve.cc.
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

Requirement if_given(bool given) { return given ? Requirement::kRequire : Requirement::kOff; }

bool given(const Limit& limit) { return limit.fallback || limit.max; }

}  // namespace

void resolve_pending(ResolveContext& c) {
  const Profile& p = c.judge.profile();
  const Limits& limits = p.limits;
  const struct {
    std::string_view control;
    Requirement wanted;
    RuleId rule;
  } kPending[] = {
      {"rootfs", if_given(p.rootfs.read_only || !p.rootfs.writable.empty()), RuleId::kRootfs},
      {"limits:tmpfs", if_given(given(limits.tmpfs)), RuleId::kLimits},
      {"mounts.deny", if_given(!p.mounts.deny.empty()), RuleId::kSystemMounts},
      {"mounts.force",
       if_given(!p.mounts.force_bind.empty() || !p.mounts.force_tmpfs.empty() ||
                !p.mounts.force_kernel.empty()),
       RuleId::kMountFlags},
  };
  for (const auto& each : kPending)
    c.judge.unavailable(c.judge.wanted(each.wanted, each.rule, each.control), each.control,
                        "it cannot be applied by this version");
}

}  // namespace holdfast
