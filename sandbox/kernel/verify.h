// Reading back: what the kernel says of a parked process against what the plan says.
//
//   HF_TRY(uint32_t before, own_filter_count());
//   HF_DO(verify_process(init, plan, plan.process, before));
//   // "verify: the kernel does not show what was planned: Uid 0 0 0 0 instead of 1000; ..."
#pragma once

#include "core/plan/plan.h"

namespace holdfast {

// What procfs does not show of a process and only the process itself can have checked, as it reports
// when it is ready.
enum SelfCheck : uint32_t {
  kLandlockEntered = 1 << 0,  // an execution was denied that had been possible before
  kMdweSet = 1 << 1,
  kAppArmorOnExec = 1 << 2,
};

// Compares /proc/PID of the parked init (or exec) with the plan: seccomp mode and number of
// filters, NoNewPrivs, capability sets, uid and gid maps, limits, user and groups, OOM score, the
// SELinux label for its program. Every mismatch is told. Not shown by procfs, and so checked by the
// process itself: its AppArmor label for exec (set_apparmor_on_exec). `filters_before`: how many
// filters a process of this runtime already had (Seccomp_filters of ourselves).
Result<> verify_process(pid_t pid, const Plan& plan, const ProcessPlan& process,
                        uint32_t filters_before);

// Seccomp_filters of the caller; 0 where the kernel does not tell (before 5.9).
Result<uint32_t> own_filter_count();

}  // namespace holdfast
