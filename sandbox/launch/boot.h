// What the runtime hands to stage 1 and init: one sealed memfd with JSON documents and the filters'
// instructions, and a few descriptors beside it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/plan/plan.h"
#include "profiles/seccomp/filter.h"
#include "sandbox/kernel/cgroup.h"

namespace holdfast {

// What is in the record beside the plan, the further process and the filters.
struct BootNotes {
  CgroupRecord cgroups;
  int32_t init_pid = 0;       // exec: whose namespaces are joined
  bool wants_hooks = false;   // the runtime has work at the kHooks point
  bool parks = false;         // the start FIFO stands beside the record
  uint32_t preserve_fds = 0;  // descriptors from 3 on that the program gets
};

// Stage 1's side.
struct Boot : BootNotes {
  Plan plan;
  std::optional<ProcessPlan> exec;  // a further process; else the container's first
  std::vector<Filter> filters;
  Fd start_fifo;
  Fd init_pidfd;
};

// The runtime's side. `document` is the plan's canonical form, `exec` null for a first process.
struct BootRecord {
  std::string_view document;
  const ProcessPlan* exec = nullptr;
  const std::vector<Filter>& filters;
  const BootNotes& notes;
};

// The memfd, sealed.
Result<Fd> write_boot(const BootRecord& record);
// The record first, then what its notes speak of: the start FIFO, or the pidfd of a container's init.
Result<Boot> read_boot(std::vector<Fd> descriptors);

}  // namespace holdfast
