#include "shim/oci/destroy.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "sandbox/launch/hooks.h"
#include "shim/oci/audit.h"
#include "shim/oci/id_range.h"
#include "shim/oci/labels.h"

namespace holdfast {
namespace {

constexpr int kEndMilliseconds = 10'000;
constexpr int kSupervisorMilliseconds = 3000;

// The process, or an empty descriptor if it is gone.
Result<Fd> open_if_alive(const ProcessIdentity& identity) {
  auto process = open_process(identity);
  if (!process && process.error().code == ESRCH) return Fd();
  return process;
}

Result<> end_identity(const ProcessIdentity& identity) {
  HF_TRY(const Fd process, open_if_alive(identity));
  if (!process) return {};
  return with_context(end_process(process), "process {}", identity.pid);
}

// They end with the container, once they have recorded it.
Result<> end_supervisors(const ContainerState& state) {
  for (const ProcessIdentity& each : state.supervisors) {
    HF_TRY(const Fd process, open_if_alive(each));
    if (!process) continue;
    pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ended, 1, kSupervisorMilliseconds) > 0) continue;
    HF_DO(with_context(end_process(process), "supervisor {}", each.pid));
  }
  return {};
}

// What can still be told of a container whose state.json is damaged: its plan says where its cgroups
// are; without a plan, where they are by default.
Result<ContainerState> reconstruct(const StateDir& dir) {
  ContainerState state;
  state.id = dir.id();
  CgroupPlan cgroup;
  bool rootless = false;
  if (auto plan = dir.load_plan()) {
    cgroup = plan->cgroup;
    rootless = plan->rootless;
    state.bundle = plan->bundle;
    state.hooks = plan->hooks;
    state.annotations = plan->annotations;
    state.oci_version = plan->oci_version;
    state.id_range = id_range_of(*plan);
  }
  HF_TRY(state.cgroups, plan_cgroups(cgroup, dir.id(), rootless));
  return state;
}

// Claims are void without the state directory: what fails here costs the next one a look at it.
void give_claims_back(const ContainerState& state, const StateDir& dir) {
  if (auto done = release_id_range(state.id_range, dir); !done) warn(done.error().message);
  if (auto done = release_labels(state, dir); !done) warn(done.error().message);
}

// It is gone: that this cannot be recorded brings nothing back.
void tell_deletion(const ContainerState& state) {
  if (auto done = record_deleted(state); !done) warn(done.error().message);
}

}  // namespace

Result<> end_process(const Fd& process) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0) {
    if (errno == ESRCH) return {};
    return os_error("kill");
  }
  pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  int got = 0;
  do got = ::poll(&ended, 1, kEndMilliseconds);
  while (got < 0 && errno == EINTR);
  if (got < 0) return os_error("wait for its end");
  if (got == 0) return error("killed, but it does not end");
  // Ours to reap if we are its parent; otherwise ECHILD says that we are not.
  siginfo_t info{};
  ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process.get()), &info,
           WEXITED | WNOHANG);
  return {};
}

Result<> release_resources(const ContainerState& state, Cgroups cgroups, const StateDir* dir) {
  if (cgroups == Cgroups::kPlanned) {
    HF_DO(end_identity(state.init));
    return remove_empty_cgroups(state.cgroups);
  }
  const bool has_cgroups = !state.cgroups.directories.empty();
  const auto another_s = [&]() -> Result<bool> {
    if (!dir || alive(state.init)) return false;
    return dir->shares_cgroups(state);
  };
  // In a v1 freezer a process does not even die of SIGKILL before it is thawed.
  if (has_cgroups && is_frozen(state.cgroups).value_or(false)) {
    HF_TRY(const bool shared, another_s());
    if (shared) return {};
    HF_DO(kill_all(state.cgroups, SIGKILL));
  }
  HF_DO(end_identity(state.init));
  if (!has_cgroups) return {};
  // Usually they are empty by now, and then there is nothing to freeze and kill.
  if (remove_cgroups(state.cgroups)) return {};
  HF_TRY(const bool shared, another_s());
  if (shared) return {};
  HF_DO(kill_all(state.cgroups, SIGKILL));
  return remove_cgroups(state.cgroups);
}

Result<> destroy(const StateDir& dir, const ContainerState& state) {
  HF_DO(with_context(release_resources(state, Cgroups::kOwn, &dir), "container {}", dir.id()));
  HF_DO(end_supervisors(state));
  give_claims_back(state, dir);
  HF_DO(dir.remove());
  tell_deletion(state);
  return {};
}

void run_poststop(const ContainerState& state) {
  if (state.hooks.poststop.empty()) return;
  const auto bundle = DirFd::open(state.bundle);
  // The bundle may be gone by now; the hooks run nevertheless.
  const auto cwd = bundle ? bundle->open_dir(".") : DirFd::open("/");
  if (!cwd) return warn(cwd.error().message);
  const std::string document = oci::encode_state(oci_state(state, "stopped", 0));
  for (const auto& failure : run_hooks_all("poststop", state.hooks.poststop, document, *cwd))
    warn(failure);
}

Result<> delete_container(const StateDir& dir, bool force) {
  HF_TRY(const Fd lock, dir.lock_deletion());
  // A creator may write its journal while we remove: then the removal fails and we look again.
  for (int attempt = 0; true; ++attempt) {
    auto state = dir.load();
    // The plan is written after the state: with a plan there was a state, which somebody lost.
    const bool own = dir.owns_cgroups();
    const bool journalled = state || state.error().code != ENOENT || own;
    if (!state && journalled) {
      warn(state.error().message);
      state = reconstruct(dir);
      if (!state) return Failure(std::move(state).error());
    } else if (state && state->complete && !force) {
      HF_TRY(const Status now, dir.status(*state));
      if (now != Status::kStopped)
        return error("cannot delete container {} that is not stopped: {}", dir.id(),
                     status_name(now));
    } else if (state && !state->complete) {
      HF_TRY(const Status now, dir.status(*state));
      if (now == Status::kCreating && !force)
        return error("cannot delete container {} that is not stopped: creating", dir.id());
      // Its creator undoes nothing any more once it is dead, and it can make nothing new.
      if (now == Status::kCreating) HF_DO(end_identity(state->creator));
      if (!dir.linked()) return {};
    }
    // A rootless container may have no cgroups: then there was nothing to make.
    if (journalled)
      HF_DO(with_context(release_resources(*state, own ? Cgroups::kOwn : Cgroups::kPlanned, &dir),
                         "container {}", dir.id()));
    if (journalled) HF_DO(end_supervisors(*state));
    if (journalled) give_claims_back(*state, dir);
    const auto removed = dir.remove();
    if (!removed && removed.error().code == ENOTEMPTY && attempt < 10) continue;
    if (!removed) return removed;
    if (journalled) tell_deletion(*state);
    if (journalled) run_poststop(*state);
    return {};
  }
}

}  // namespace holdfast
