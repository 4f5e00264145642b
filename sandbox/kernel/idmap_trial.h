// Whether sources of mounts can be mounted id-mapped, by trying: each is copied as a container with
// a user namespace would get it, detached, and mapped. Nothing of it stays.
//
//   std::vector<MapTrial> trials = {{"/srv/root", true}, {"/srv/data", false}};
//   HF_DO(try_id_maps(trials));
//   // trials[1].problem == "/srv/data: overlay cannot be id-mapped"
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace holdfast {

struct MapTrial {
  std::string path;
  bool recursive = false;
  // The kernel's own: a device node, or a file of procfs, sysfs, cgroups and the like. Its owner
  // says nothing of who may use it inside, and it is not mapped.
  bool kernel = false;
  std::string problem{};  // why it cannot be; empty: it can
};

// An error: this host can make no user namespaces at all.
Result<> try_id_maps(std::vector<MapTrial>& trials);

}  // namespace holdfast
