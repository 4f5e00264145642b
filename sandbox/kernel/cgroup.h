// One container's cgroups: v1, v2 or hybrid, by the cgroupfs or the systemd driver.
//
//   HF_TRY(CgroupRecord record, plan_cgroups(plan.cgroup, id, rootless));  // journalled
//   HF_DO(create_cgroups(record, plan.cgroup.resources, stage1));          // launch() does both
//   HF_DO(limit_cgroups(record, plan.cgroup.resources));
//   in stage 1, single-threaded:   HF_DO(attach_v1(record));             // v1
//   clone3, CLONE_INTO_CGROUP on   v2_directory(record)                    // v2
//   HF_DO(kill_all(record, SIGKILL));
//   HF_DO(remove_cgroups(record));
//
// v1 joins by writing "0" to each `tasks` file and v2 by CLONE_INTO_CGROUP, in hybrid too: a cold
// cgroup.procs write of either waits for an RCU grace period (docs/adr/0030-cgroup-join.md).
//
// Device rules: all is denied, then the rules of linux.resources.devices in their order, then what
// every container may use, as in runc: mknod of any device, null, zero, full, random, urandom, tty,
// ptmx and the pseudo-terminals. They go to the v1 devices controller where it is mounted, else to
// a BPF_PROG_TYPE_CGROUP_DEVICE program on the v2 directory. A process in a user namespace cannot
// set them and cannot mknod either: there they are left out.
#pragma once

#include <sys/types.h>

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
  // As /proc/PID/cgroup has it, of v2 where there is a v2 side: "/docker/3f2a". With a relative
  // cgroupsPath each hierarchy may have its own: `directories` is what counts.
  std::string path;
  std::string unit;   // systemd driver: "docker-3f2a.scope"
  std::string slice;  // systemd driver: "system.slice"
  bool rootless = false;
  // Why hierarchies are left out: "disabled", "/sys/fs/cgroup/memory: permission denied"; else
  // empty.
  std::string without;
  // v1 and hybrid: {"memory", "/sys/fs/cgroup/memory/docker/3f2a"}, ...; v2, always last:
  // {"", "/sys/fs/cgroup/docker/3f2a"}
  struct Directory {
    std::string controllers;  // "cpu,cpuacct", "name=systemd", "" for v2
    std::string directory;
    std::string path{};  // as /proc/PID/cgroup has it; empty: made by an older release
  };
  std::vector<Directory> directories;
};

// Where the container's cgroups will be. No effect on the host: the record is journalled first.
// A rootless caller that cannot create cgroups gets a record without directories, if no limit is
// asked.
Result<CgroupRecord> plan_cgroups(const CgroupPlan& plan, const std::string& id, bool rootless);

// Makes them, with the controllers that `resources` needs. A directory that exists must be empty and thawed.
// On an error the directories that it made are gone again.
// Systemd driver: starts the transient scope with `pid` in it, stage 1, which must live until the
// container's first process is there. The cgroupfs driver does not use `pid`.
Result<> create_cgroups(const CgroupRecord& record, const oci::Resources& resources, pid_t pid);

// Sets all limits and device rules. A process may be in there already, if it does nothing of the container's
// before this is done.
Result<> limit_cgroups(const CgroupRecord& record, const oci::Resources& resources);

// Makes `uid` of the host the owner of the cgroup, as far as cgroups(7) delegates it: no limit is its
// to change. v2 alone; with v1 delegation is not safe.
Result<> delegate_cgroup(const CgroupRecord& record, uint32_t uid);

// Puts the calling, single-threaded process into those of the v1 hierarchies. v2 is joined by
// CLONE_INTO_CGROUP: a write to its cgroup.procs costs 10 ms.
Result<> attach_v1(const CgroupRecord& record);

// Puts the calling process into that of the v2 hierarchy, at that price: for who is about to lose
// the right to clone into it, by joining a user or cgroup namespace.
Result<> attach_v2(const CgroupRecord& record);

// The directory of the v2 hierarchy for CLONE_INTO_CGROUP; empty Fd where there is none.
Result<Fd> v2_directory(const CgroupRecord& record);
// The same for a further process: the cgroup of `init` if the container has handed its controllers
// down to cgroups of its own, so that its top one can take no process.
Result<Fd> v2_directory(const CgroupRecord& record, pid_t init);

// Changes what `resources` has; what is absent or zero stays. Device rules are replaced if there
// are any.
Result<> update_cgroups(const CgroupRecord& record, const oci::Resources& resources);

// What differs from the device rules that create_cgroups() or update_cgroups() set; "" if nothing does. Of
// version 1 nothing is looked at: each of its writes is answered. `thorough` compares the program of
// version 2 as well, which takes a tenth of a millisecond.
Result<std::string> compare_devices(const CgroupRecord& record,
                                    const std::vector<oci::DeviceRule>& rules, bool thorough);

Result<> freeze(const CgroupRecord& record);
Result<> thaw(const CgroupRecord& record);
Result<bool> is_frozen(const CgroupRecord& record);

// All processes in them, nested cgroups included, as pids of our pid namespace, ascending.
Result<std::vector<pid_t>> processes(const CgroupRecord& record);

// SIGKILL: kills every process in them (cgroup.kill on v2; freeze, SIGKILL, thaw on v1) and waits
// until none is left, at most some seconds. Any other signal: sends it to each, once.
Result<> kill_all(const CgroupRecord& record, int signal);

// Removes them, nested ones included, and the systemd unit; parents stay. What does not exist is no
// error.
Result<> remove_cgroups(const CgroupRecord& record);
// Removes those of the directories that are empty, and touches no process and no unit: for a record
// whose cgroups may be another container's.
Result<> remove_empty_cgroups(const CgroupRecord& record);

// `events --stats`: the document in runc's form (type, id, data{cpu, memory, pids, blkio,
// hugetlb}).
Result<std::string> cgroup_stats(const CgroupRecord& record, const std::string& id);

// Whether an OOM kill happened in it.
Result<bool> oom_killed(const CgroupRecord& record);

}  // namespace holdfast
