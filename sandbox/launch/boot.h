// What the runtime hands to stage 1 and init: one sealed memfd with a JSON document and the
// filters' instructions behind it, and a few descriptors whose numbers stand in the document.
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/plan/plan.h"
#include "profiles/seccomp/filter.h"
#include "sandbox/kernel/cgroup.h"

namespace holdfast {

struct Boot {
  Plan plan;
  std::optional<ProcessPlan> exec;  // a further process; else the container's first
  CgroupRecord cgroups;
  int32_t channel = -1;  // descriptor numbers
  int32_t start_fifo = -1;
  int32_t init_pidfd = -1;  // exec: whose namespaces are joined
  int32_t init_pid = 0;
  bool wants_hooks = false;  // the runtime has work at the kHooks point
  // Not in the document:
  std::vector<Filter> filters;
};

// The memfd, sealed.
Result<Fd> write_boot(const Boot& boot);
Result<Boot> read_boot(const Fd& fd);

}  // namespace holdfast
