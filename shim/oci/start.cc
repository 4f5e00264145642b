#include "sandbox/kernel/apparmor.h"
#include "sandbox/launch/hooks.h"
#include "shim/oci/audit.h"
#include "shim/oci/container.h"
#include "shim/oci/destroy.h"
#include "shim/oci/notify_relay.h"

namespace holdfast {
namespace {

Result<> run_poststart(const ContainerState& state) {
  if (state.hooks.poststart.empty()) return {};
  HF_TRY(const DirFd cwd, DirFd::open(state.bundle));
  return run_hooks("poststart", state.hooks.poststart,
                   oci::encode_state(oci_state(state, "running", state.init.pid)), cwd);
}

Result<int> run(const Globals& globals, const Arguments& args) {
  HF_TRY(const Container container, find_container(globals, args.operands()[0]));
  HF_TRY(NotifyRelay readiness, NotifyRelay::open(container.dir));
  // Without a process the start fails.
  const auto program = readiness ? open_process(container.state.init) : Result<Fd>(Fd());
  HF_DO(record_started(container.state));
  HF_DO(container.dir.signal_start(container.state));
  // The label shows only now that the program runs.
  auto started = verify_apparmor(container.state.init.pid, container.state.apparmor);
  // runtime.md, lifecycle: a poststart hook that fails is an error, and the container is stopped.
  if (started) started = run_poststart(container.state);
  if (!started) {
    auto process = open_process(container.state.init);
    if (process)
      if (auto ended = end_process(*process); !ended) warn(ended.error().message);
    return Failure(std::move(started).error());
  }
  if (program) readiness.wait(*program, container.state.init.pid);
  return 0;
}

}  // namespace

const Verb kStartVerb = {.syntax = {.name = "start",
                                    .operands = "ID",
                                    .summary = "start the program of a created container",
                                    .example = "holdfast start web1",
                                    .min_operands = 1,
                                    .max_operands = 1},
                         .run = run};

}  // namespace holdfast
