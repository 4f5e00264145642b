// Reading back: what the kernel says of a parked process against what the plan says.
#pragma once

#include "core/plan/plan.h"

namespace holdfast {

// Compares /proc/PID of the parked init (or exec) with the plan: seccomp mode and number of filters,
// NoNewPrivs, capability sets, uid and gid maps, limits, user and groups. Every mismatch is told.
// `filters_before`: how many filters a process of this runtime already had (Seccomp_filters of ourselves).
Result<> verify_process(pid_t pid, const Plan& plan, const ProcessPlan& process,
                        uint32_t filters_before);

}  // namespace holdfast
