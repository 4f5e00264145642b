// Finding a container by the beginning of its id, wherever an engine keeps its state.
//
//   HF_TRY(Found found, find_container("3f2a", ""));       // searches the roots that engines use
//   HF_TRY(Plan plan, found.dir.load_plan());
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "sandbox/launch/state_store.h"

namespace holdfast::ctl {

struct Found {
  std::string root;
  StateDir dir;
};

// The state roots that exist on this host: our own, dockerd's, containerd's, CRI-O's, the user's.
std::vector<std::string> state_roots();

// `root` empty: all state_roots(). An id that begins several containers' is an error that names them.
Result<Found> find_container(const std::string& prefix, const std::string& root);

}  // namespace holdfast::ctl
