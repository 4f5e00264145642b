// One container's cgroups: v1, v2 or hybrid, by the cgroupfs or the systemd driver.
//
//   HF_TRY(Cgroups all, Cgroups::create(plan.cgroup, id, rootless));   // directories made, limits set
//   HF_DO(all.save()) -> CgroupRecord, stored in the state before anything joins
//   in the container's first process (single-threaded):  HF_DO(attach_self(record))
//   CLONE_INTO_CGROUP on v2:                              Cgroups::v2_directory(record)
//
// v1 joins by writing "0" to each `tasks` file (a cold cgroup.procs write waits for an RCU grace
// period); v2 by CLONE_INTO_CGROUP.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/oci/spec.h"
#include "core/plan/plan.h"

namespace holdfast {

// Where a container's cgroups are: what is stored in its state.
struct CgroupRecord {
  CgroupDriver driver = CgroupDriver::kCgroupfs;
  HostFacts::Cgroup mode = HostFacts::Cgroup::kNone;
  std::string path;  // below each hierarchy: "/docker/3f2a"
  std::string unit;  // systemd driver: "docker-3f2a.scope"
  // v1 and hybrid: {"memory", "/sys/fs/cgroup/memory/docker/3f2a"}, ...; v2: {"", "/sys/fs/cgroup/docker/3f2a"}
  struct Directory {
    std::string controllers;  // "cpu,cpuacct", "name=systemd", "" for v2
    std::string directory;
  };
  std::vector<Directory> directories;
};

// Where the container's cgroups will be. No effect on the host: the record is journalled first.
Result<CgroupRecord> plan_cgroups(const CgroupPlan& plan, const std::string& id, bool rootless);

// Makes them and sets the limits that must precede a join (all that do not need a process).
// With the systemd driver: starts the transient scope with `pid` in it (else `pid` is not used).
Result<> create_cgroups(const CgroupRecord& record, const oci::Resources& resources, pid_t pid);

// Puts the calling, single-threaded process into all of them. On v2: only where CLONE_INTO_CGROUP
// was not used.
Result<> attach_self(const CgroupRecord& record);

// The directory of the v2 hierarchy for CLONE_INTO_CGROUP; empty Fd where there is none.
Result<Fd> v2_directory(const CgroupRecord& record);

Result<> update_cgroups(const CgroupRecord& record, const oci::Resources& resources);

Result<> freeze(const CgroupRecord& record);
Result<> thaw(const CgroupRecord& record);
Result<bool> is_frozen(const CgroupRecord& record);

// All processes in them, nested cgroups included, as pids of our pid namespace.
Result<std::vector<pid_t>> processes(const CgroupRecord& record);

// Kills every process in them (cgroup.kill on v2; freeze, SIGKILL, thaw on v1) and waits until none is
// left, at most some seconds.
Result<> kill_all(const CgroupRecord& record, int signal);

// Removes them, nested ones included. What does not exist is no error.
Result<> remove_cgroups(const CgroupRecord& record);

// `events --stats`: the document in runc's form (type, id, data{cpu, memory, pids, blkio, hugetlb}).
Result<std::string> cgroup_stats(const CgroupRecord& record, const std::string& id);

// Whether an OOM kill happened in it.
Result<bool> oom_killed(const CgroupRecord& record);

}  // namespace holdfast
