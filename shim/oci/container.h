// An existing container, as a verb finds it.
//
//   HF_TRY(Container container, find_container(globals, id));
//   HF_TRY(Status now, container.dir.status(container.state));
//   HF_DO(print(state_document(container, now)));
#pragma once

#include <string>

#include "core/oci/spec.h"
#include "profiles/seccomp/filter.h"
#include "sandbox/launch/state_store.h"
#include "shim/oci/verb.h"

namespace holdfast {

struct Container {
  StateDir dir;
  ContainerState state;
};

Result<Container> find_container(const Globals& globals, const std::string& id);

// The state document of the specification, as hooks and listeners see it.
oci::State oci_state(const ContainerState& state, std::string_view status, pid_t pid);

// The process that the container shows: its init, 0 once it has stopped.
pid_t shown_pid(const ContainerState& state, Status status);

// Members of runc's form of `state` and `list`, written into an open object.
enum class StateForm { kState, kList };
std::string state_document(const ContainerState& state, Status status, StateForm form);

// Sends a signal to the container's init; "container not running" once there is none.
Result<> signal_init(const ContainerState& state, int signal);

// The name that goes with a uid: "root", or the number.
std::string owner_name(uid_t uid);

// A warning for people, to stderr: never to the log, which holds nothing but the one error.
void warn(std::string_view text);

// The filters of a container: the instructions one after the other, as the plan lists them.
std::string filter_bytes(const std::vector<Filter>& filters);
// Reads them back; an error if one does not match its digest in the plan.
Result<std::vector<Filter>> stored_filters(const StateDir& dir, const Plan& plan);

}  // namespace holdfast
