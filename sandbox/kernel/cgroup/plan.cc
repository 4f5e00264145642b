// plan_cgroups: where, and whether at all.
#include <unistd.h>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/place.h"
#include "sandbox/kernel/cgroup/systemd.h"

namespace holdfast {
namespace {

// 0 if `directory` can be made: the nearest ancestor that exists can be written to. Else the errno.
int cannot_make(std::string directory) {
  while (true) {
    if (::faccessat(AT_FDCWD, directory.c_str(), W_OK, AT_EACCESS) == 0) return 0;
    if (errno != ENOENT) return errno;
    const size_t slash = directory.rfind('/');
    if (slash == 0 || slash == std::string::npos) return ENOENT;
    directory.resize(slash);
  }
}

// A rootless caller has the hierarchies that were delegated to it, which may be none.
void leave_out_forbidden(CgroupRecord& record) {
  std::vector<CgroupRecord::Directory> kept;
  for (auto& each : record.directories) {
    if (const int code = cannot_make(each.directory); code == 0) {
      kept.push_back(std::move(each));
    } else if (record.without.empty()) {
      record.without = fmt::format("{}: {}", each.directory, errno_text(code));
    }
  }
  record.directories = std::move(kept);
}

// Limits that no cgroup will hold are an error already here, before anything is made.
Result<> check_without(const CgroupRecord& record, const oci::Resources& resources) {
  if (!record.directories.empty()) return {};
  if (!resources.unified.empty())
    return error("linux.resources.unified: cannot be set without a cgroup ({})", record.without);
  return cgroup::check_controllers(record, resources);
}

}  // namespace

Result<CgroupRecord> plan_cgroups(const CgroupPlan& plan, const std::string& id, bool rootless) {
  CgroupRecord record;
  record.driver = plan.driver;
  record.rootless = rootless;
  if (plan.driver == CgroupDriver::kDisabled) {
    record.without = "disabled";
    HF_DO(check_without(record, plan.resources));
    return record;
  }
  HF_TRY(const cgroup::Hierarchies host, cgroup::read_hierarchies());
  record.mode = host.mode;
  if (host.mode == HostFacts::Cgroup::kNone) {
    record.without = "no cgroup hierarchy is mounted";
    if (!rootless && !plan.resources.devices.empty())
      return error("linux.resources.devices: no cgroup hierarchy is mounted");
  } else if (plan.driver == CgroupDriver::kSystemd) {
    HF_DO(cgroup::plan_unit(record, host, plan.path, id));
  } else {
    HF_TRY(const std::string path, cgroup::clean_path(plan.path.empty() ? id : plan.path));
    cgroup::place(record, host, path);
    if (rootless) leave_out_forbidden(record);
  }
  HF_DO(check_without(record, plan.resources));
  return record;
}

}  // namespace holdfast
