// Taking a container apart: after its end, by force, or half made.
#pragma once

#include "shim/oci/container.h"

namespace holdfast {

// Whose the cgroups are that a state names. Those of a container whose creator died before it made them
// may be another container's: of them only what is empty is removed, and nothing is killed or thawed.
enum class Cgroups { kOwn, kPlanned };

// Kills what still runs, removes the cgroups. What does not exist is no error. Before it kills by cgroup
// it looks, with `dir`, for another container that uses them by now: that one is left alone.
Result<> release_resources(const ContainerState& state, Cgroups cgroups = Cgroups::kOwn,
                           const StateDir* dir = nullptr);

// Everything, then the state directory; the caller holds the deletion lock or is the creator.
Result<> destroy(const StateDir& dir, const ContainerState& state);

// Runs the poststop hooks, whose failures are warnings.
void run_poststop(const ContainerState& state);

// Deletes whatever stands in the directory: a container, a half-made one, a damaged one. `force` kills
// first; without it a container that is not stopped is an error.
Result<> delete_container(const StateDir& dir, bool force);

// SIGKILL, then waits until it is gone, at most some seconds. Already gone is no error.
Result<> end_process(const Fd& process);

}  // namespace holdfast
