// Launch: a Plan becomes a container's first process, or a further one; verified before it runs.
//
//   HF_TRY(Launched c, launch(plan, filters, cgroups, options));   // parked, verified
//   HF_DO(go(c));                                                  // `run`: execute now
//
// Three processes. The runtime spawns *stage 1* (this binary again, executed from a read-only detached
// mount, so that no container ever sees a writable runtime in /proc/PID/exe); stage 1 joins the cgroups
// and the namespaces that the plan names by path, clones *init* into the new namespaces as a child of
// the runtime (CLONE_PARENT), and ends. Init runs the step table of init.cc, reports, parks, executes.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/plan/plan.h"
#include "profiles/seccomp/filter.h"
#include "sandbox/kernel/cgroup.h"

namespace holdfast {

struct LaunchOptions {
  Fd start_fifo;             // create: init parks on it; invalid: init waits for go()
  std::string console_socket;  // path of the engine's socket; with process.terminal
  bool own_terminal = false;   // run/exec -t without a console socket: the runtime keeps the pty's master
  // Called when the namespaces exist and the mounts stand, before pivot_root: prestart and
  // createRuntime hooks. `pid` is init's.
  std::function<Result<>(pid_t pid)> before_pivot;
  // Called as soon as init exists (state is saved with its identity).
  std::function<Result<>(pid_t pid)> born;
};

struct Launched {
  pid_t pid = 0;
  Fd pidfd;
  Fd terminal;  // the pty's master with own_terminal
  Fd channel;   // to init, until go()
};

// A container's first process. On an error nothing of it is left but the cgroups, which are the caller's.
Result<Launched> launch(const Plan& plan, const std::vector<Filter>& filters,
                        const CgroupRecord& cgroups, LaunchOptions options);

// A further process inside the container whose init is `init_pidfd`.
Result<Launched> launch_exec(const Plan& plan, const ProcessPlan& process,
                             const std::vector<Filter>& filters, const CgroupRecord& cgroups,
                             const Fd& init_pidfd, LaunchOptions options);

// Lets a process that waits for go() execute its program; an error if it could not.
Result<> go(Launched& launched);

// Entry point of stage 1 and init: argv[0] is "holdfast-init".
int init_main();

}  // namespace holdfast
