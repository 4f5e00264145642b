// The cgroup's limits under a profile.
#pragma once

#include "profiles/policy/judge.h"
#include "profiles/policy/limits.h"

namespace holdfast {

// Who is to hold the limits.
struct LimitsHolder {
  bool v2 = false;          // all controllers are version 2's
  bool privileged = false;  // nothing is changed
  // Whether holdfast may write to control files of its own accord, and what they can limit. Absent: somebody
  // asks for these limits, whatever the host says then.
  struct Host {
    bool writable = false, pids = false;
    CgroupControls controls{};
  };
  std::optional<Host> host{};
};

// Brings one limit of `resources` down to what the profile allows, and tells.
void judge_limit(Judge& judge, const LimitControl& control, const LimitsHolder& holder,
                 oci::Resources& resources);

}  // namespace holdfast
