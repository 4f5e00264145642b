// The cgroup hierarchies of this host, as this process sees them.
//
//   HF_TRY(Hierarchies host, read_hierarchies());       // two files of /proc, each read once
//   for (const Hierarchy& each : host.all) ...
//
// Co-mounted controllers are one hierarchy ("cpu,cpuacct"), a named one is "name=systemd", the one
// of version 2 has no controllers in its name (""). Formats: proc_pid_mountinfo(5), cgroups(7).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/plan/plan.h"

namespace holdfast::cgroup {

struct Hierarchy {
  std::string controllers;  // "memory", "cpu,cpuacct", "name=systemd"; "" for version 2
  std::string mount_point;  // "/sys/fs/cgroup/cpu,cpuacct"
  std::string mount_root;   // the cgroup that is mounted there, "/" but in a nested container
  std::string own;          // the cgroup of this process, as /proc/self/cgroup tells it

  bool v2() const { return controllers.empty(); }
  bool has(std::string_view controller) const;

  // The directory of this process: its own path below the mounted cgroup.
  std::string own_directory() const;
};

struct Hierarchies {
  HostFacts::Cgroup mode = HostFacts::Cgroup::kNone;
  std::vector<Hierarchy> all;  // version 1 in the order of /proc/self/cgroup, then version 2
};

// Collects the mounts of the hierarchies that /proc/self/cgroup tells of. A mount at or below
// /sys/fs/cgroup is preferred to one elsewhere; among equals the first stands.
class HierarchyParser {
 public:
  explicit HierarchyParser(std::string_view self_cgroup);

  // Takes one line of mountinfo; true as long as more lines can tell something.
  bool line(std::string_view text);
  Hierarchies finish() &&;

 private:
  bool wants_more() const;

  std::vector<Hierarchy> known_;
};

Result<Hierarchies> read_hierarchies();

// Whether `list` ("cpu,cpuacct") has `name`.
bool lists(std::string_view list, std::string_view name, char separator = ',');

}  // namespace holdfast::cgroup
