// linux.resources onto a container's cgroups.
#pragma once

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/cgroup/limits.h"

namespace holdfast::cgroup {

// The limits, without the device rules; for creation and update alike.
Result<> apply_limits(const CgroupRecord& record, const oci::Resources& resources);

// The device rules, the runtime's own included.
Result<> apply_devices(const CgroupRecord& record, const std::vector<oci::DeviceRule>& rules);

}  // namespace holdfast::cgroup
