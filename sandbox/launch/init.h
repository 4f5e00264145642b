// Init: the step table that turns a cloned process into the container's first process, or into a
// further one, and executes its program.
#pragma once

#include "sandbox/kernel/landlock.h"
#include "sandbox/launch/stage.h"

namespace holdfast {

// What the steps share.
struct Init {
  Init(Stage& of, ProcessPlan& runs) : stage(of), process(runs) {}

  Stage& stage;
  ProcessPlan& process;  // of the stage's boot record
  pid_t host_pid = 0;    // ours, as the runtime sees it; known once the runtime told
  DirFd procfs;          // private; opened where a step needs it
  std::optional<Rootfs> rootfs;
  DirFd root;               // "/" of the container, after the pivot
  Fd terminal;              // the pty's peer
  LandlockDomain landlock;  // made, not entered yet
  bool entered_cwd = false;
  uint32_t checked = 0;  // SelfCheck
  std::string program;   // what execve gets

  const Plan& plan() const { return stage.boot.plan; }
  bool is_exec() const { return stage.boot.exec.has_value(); }
};

struct Step {
  const char* name;  // in errors; empty: the error speaks for itself
  Result<> (*run)(Init&);
};

// Applies everything, reports, parks and executes. Returns only on failure.
Result<> run_init(Stage& stage);

}  // namespace holdfast
