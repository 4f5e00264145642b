// exec --cgroup: an existing cgroup below the container's own.
//
//   HF_TRY(CgroupRecord r, sub_cgroups(record, {"cpu,memory:/workers"}));   // v1, by controller
//   HF_TRY(CgroupRecord r, sub_cgroups(record, {"workers"}));               // all hierarchies
#pragma once

#include <string>
#include <vector>

#include "sandbox/kernel/cgroup.h"

namespace holdfast {

Result<CgroupRecord> sub_cgroups(CgroupRecord record, const std::vector<std::string>& wanted);

}  // namespace holdfast
