// What a mount of type "cgroup" or "cgroup2" shows: the container's own cgroups, never the host's
// tree.
//
//   HF_TRY(Fd top, mount_cgroups({mount, cgroups, target.fd, has_cgroup_namespace, label}));
//
// v2: a cgroup2 of the container's cgroup namespace; without one, a bind of its own directory. v1
// and hybrid: a tmpfs with a directory per hierarchy ("cpu,cpuacct", "unified") and the links "cpu"
// and "cpuacct". Read-only as asked, and always for a rootless container without a cgroup namespace
// (CVE-2023-25809).
#pragma once

#include <string>

#include "core/base/fd.h"
#include "core/plan/plan.h"
#include "sandbox/kernel/cgroup.h"

namespace holdfast {

struct CgroupMount {
  const MountPlan& mount;
  const CgroupRecord& cgroups;
  const Fd& target;
  bool own_namespace = false;  // the container has a cgroup namespace
  bool rootless = false;
  std::string label;
};

// Attaches it to the target; returns the top mount.
Result<Fd> mount_cgroups(const CgroupMount& request);

}  // namespace holdfast
