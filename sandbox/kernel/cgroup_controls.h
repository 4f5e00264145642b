// What the host's cgroups can limit: asked only where a policy sets such limits.
//
//   request.controls = cgroup_controls();
#pragma once

#include "profiles/policy/limits.h"

namespace holdfast {

// What cannot be looked at counts as missing.
CgroupControls cgroup_controls();

}  // namespace holdfast
