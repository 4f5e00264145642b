// Launch: a Plan becomes a container's first process, or a further one; verified before it runs.
//
//   HF_TRY(SpawnedStage stage, spawn_stage(preserve_fds));
//   HF_TRY(Launched c, launch(std::move(stage), request, options));   // parked, verified
//   HF_DO(go(c));                                                     // `run`: execute now
//
// Three processes. The runtime spawns *stage 1* (this binary again, executed from a read-only
// detached mount, so that no container ever sees a writable runtime in /proc/PID/exe); stage 1
// joins the cgroups and the namespaces that the plan names by path, clones *init* into the new
// namespaces as a child of the runtime (CLONE_PARENT), and ends. Init runs the step table of
// init.cc, reports, parks, executes.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/plan/plan.h"
#include "profiles/seccomp/filter.h"
#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/verify.h"
#include "sandbox/launch/channel.h"
#include "sandbox/launch/spawn.h"

namespace holdfast {

// The plan and what belongs to it. All of it outlives the call.
struct LaunchRequest {
  const Plan& plan;
  std::string_view document;  // the plan's canonical form
  const std::vector<Filter>& filters;
  const CgroupRecord& cgroups;
  uint32_t preserve_fds = 0;  // as spawn_stage() was told
};

struct LaunchOptions {
  Fd start_fifo;  // create: init parks on it; invalid: init waits for go()
  std::string
      console_socket;  // path of the engine's socket; without one the pty's master is returned
  // Called when stage 1 has its record and is at work, before anything is made that outlives us: the
  // time to write the intent down.
  std::function<Result<>()> handed_over;
  // Called when the cgroups have been made, before a process joins them: from now on they are the
  // caller's to remove, also if this fails. With the systemd driver stage 1 is in them already.
  std::function<Result<>()> cgroups_made;
  // Called when the namespaces exist and the mounts stand, before pivot_root: prestart and
  // createRuntime hooks. `pid` is init's.
  std::function<Result<>(pid_t pid)> before_pivot;
  // Called as soon as init exists (state is saved with its identity).
  std::function<Result<>(pid_t pid)> born;
  // Called when the mounts stand as they will stay and nothing of the container has run: what watches
  // it begins now; and then, before it is let go on: what is not watched must not run.
  std::function<Result<>(pid_t pid, const Fd& pidfd)> enclosed;
  std::function<Result<>()> watched;
  // Called once after that, while init is at work and we would only wait: what nobody waits for.
  std::function<Result<>()> meanwhile;
};

struct Launched {
  pid_t pid = 0;
  Fd pidfd;
  Fd terminal;      // the pty's master, where the process has a terminal and no console socket was
                    // given
  Channel channel;  // to init, until go()
  std::string apparmor_label;   // that the program is to run under
  Findings verified;            // what was read back, all of it as planned
  uint32_t filters_before = 0;  // seccomp filters that we have ourselves
};

// A container's first process. Makes the cgroups of the record, too (with the systemd driver they
// need a process). On an error no process is left; the cgroups are the caller's to remove
// once it was told that they were made.
Result<Launched> launch(SpawnedStage stage, const LaunchRequest& request, LaunchOptions options);

// The first process of a running container.
struct InitProcess {
  pid_t pid = 0;
  Fd pidfd;
};

// A further process inside the container of `init`.
Result<Launched> launch_exec(SpawnedStage stage, const LaunchRequest& request,
                             const ProcessPlan& process, const InitProcess& init,
                             LaunchOptions options);

// Lets a process that waits for go() execute its program; an error if it could not, or if it runs
// without its label.
Result<> go(Launched& launched);

// Entry point of stage 1 and init: argv[0] is "holdfast-init", argv[1] the number of the
// channel's descriptor.
int init_main(const char* channel_descriptor);

}  // namespace holdfast
