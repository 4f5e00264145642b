// Finding a container by its id, the beginning of it or its name, wherever an engine keeps its state.
//
//   HF_TRY(Found found, find_container("3f2a", ""));       // searches the roots that engines use
//   HF_TRY(Plan plan, found.load_plan());
//   found.engine == "docker"; found.names == {"web"}
//
// Root also finds the containers of users without privileges, and reads those with their owner's
// rights: what stands in a directory of a user's is no reason to open anything else as root.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/result.h"
#include "profiles/seccomp/filter.h"
#include "sandbox/launch/state_store.h"

namespace holdfast::ctl {

struct StateRoot {
  std::string path;
  std::string engine;  // "docker", "containerd k8s.io"; empty where the path does not tell
  uid_t owner = 0;
  gid_t group = 0;
};

struct Found {
  std::string root;
  std::string engine;              // "docker", "podman", "containerd k8s.io", "cri-o" or empty
  std::vector<std::string> names;  // as its engine calls it, the most usual first
  uid_t owner = 0;
  gid_t group = 0;
  StateDir dir;

  // With the owner's rights.
  Result<ContainerState> load() const;
  Result<Plan> load_plan() const;
  Result<std::string> load_plan_document() const;
  Result<std::vector<Filter>> load_filters(const Plan& plan) const;
};

// The state roots that exist on this host: our own, those of dockerd, containerd, CRI-O, and of users.
std::vector<StateRoot> state_roots();

// `root` empty: all state_roots(). An exact id goes before an exact name, a name before the beginning
// of an id. What several containers answer to is an error that names them.
Result<Found> find_container(const std::string& text, const std::string& root);

// All of them, by root and id.
struct AllContainers {
  std::vector<Found> found;
  size_t others = 0;                  // containers of other runtimes in these roots
  std::vector<std::string> problems;  // what could not be read, and why
};
AllContainers all_containers(const std::string& root);

}  // namespace holdfast::ctl
