#include <sys/prctl.h>

#include "sandbox/launch/hooks.h"
#include "shim/oci/audit.h"
#include "shim/oci/create_container.h"
#include "shim/oci/destroy.h"
#include "shim/oci/foreground.h"

namespace holdfast {
namespace {

Result<> delete_after(const CreatedContainer& container) {
  HF_TRY(const Fd lock, container.dir.lock_deletion());
  HF_DO(destroy(container.dir, container.state));
  run_poststop(container.state);
  return {};
}

// Undoes a container that was made but could not be run.
Failure give_up(const CreatedContainer& container, Error why) {
  if (auto ended = end_process(container.process.pidfd); !ended) warn(ended.error().message);
  if (auto done = delete_after(container); !done && done.error().code != ENOENT)
    warn(done.error().message);
  return Failure(std::move(why));
}

Result<> start_program(CreatedContainer& container) {
  HF_DO(record_started(container.state));
  HF_DO(go(container.process));
  const auto& hooks = container.state.hooks.poststart;
  if (hooks.empty()) return {};
  HF_TRY(const DirFd cwd, DirFd::open(container.state.bundle));
  return run_hooks("poststart", hooks,
                   oci::encode_state(oci_state(container.state, "running", container.process.pid)),
                   cwd);
}

Result<int> run(const Globals& globals, const Arguments& args) {
  HF_TRY(CreateRequest request, create_request(args));
  request.detached = args.on("detach");
  const bool subreaper = !request.detached && !args.on("no-subreaper");
  if (subreaper && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
    return os_error("become a subreaper");
  HF_TRY(CreatedContainer container, create_container(globals, request));
  auto readiness = NotifyRelay::open(container.dir);
  if (!readiness) return give_up(container, readiness.error());
  Foreground foreground(container.process, {.reap_orphans = subreaper, .readiness = &*readiness});
  if (!request.detached)
    if (auto ready = foreground.prepare(); !ready) return give_up(container, ready.error());
  if (auto started = start_program(container); !started) return give_up(container, started.error());
  if (request.detached) {
    readiness->wait(container.process.pidfd, container.process.pid);
    return 0;
  }
  auto status = foreground.wait();
  if (!status) return give_up(container, status.error());
  if (args.on("keep")) return status;
  // Somebody else may have deleted it already.
  if (auto done = delete_after(container); !done && done.error().code != ENOENT)
    warn(done.error().message);
  return status;
}

constexpr Flag kOwnFlags[] = {
    {"detach", 'd', FlagKind::kSwitch, "", "leave as soon as the container's program runs"},
    {"keep", 0, FlagKind::kSwitch, "", "do not delete the container after its end"},
    {"no-subreaper", 0, FlagKind::kSwitch, "", "do not adopt the container's orphans"},
};

}  // namespace

const Verb kRunVerb = {.syntax = {.name = "run",
                                  .operands = "ID",
                                  .summary = "create a container and run it",
                                  .example = "holdfast run --bundle /srv/web web1",
                                  .flags = kCreateFlags,
                                  .more_flags = kOwnFlags,
                                  .min_operands = 1,
                                  .max_operands = 1},
                       .run = run,
                       .failure_prefix = "holdfast run failed"};

}  // namespace holdfast
