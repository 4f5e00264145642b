// What the runtime hands to the keeper before there is a container: a memfd with JSON.
#pragma once

#include <string>

#include "core/base/fd.h"
#include "core/event/audit_settings.h"
#include "core/plan/supervision.h"
#include "sandbox/kernel/cgroup.h"

namespace holdfast {

struct SupervisorBoot {
  std::string id, profile, plan_digest;
  SupervisionPlan plan;
  CgroupRecord cgroups;
  AuditSettings audit{};
};

Result<Fd> write_supervisor_boot(const SupervisorBoot& boot);
Result<SupervisorBoot> read_supervisor_boot(const Fd& record);

}  // namespace holdfast
