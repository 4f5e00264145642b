// The systemd cgroup driver: what to ask of the helper process holdfast-systemd, which alone speaks
// D-Bus.
#pragma once

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/cgroup/hierarchy.h"

namespace holdfast::cgroup {

// Fills in unit, slice and directories.
Result<> plan_unit(CgroupRecord& record, const Hierarchies& host, const std::string& asked,
                   const std::string& id);

// StartTransientUnit; returns when systemd has done the job.
Result<> start_unit(const CgroupRecord& record, const oci::Resources& resources, pid_t pid);
// SetUnitProperties (runtime).
Result<> set_unit_properties(const CgroupRecord& record, const oci::Resources& resources);
// StopUnit and ResetFailedUnit; one that is not loaded is no error.
Result<> stop_unit(const CgroupRecord& record);

}  // namespace holdfast::cgroup
