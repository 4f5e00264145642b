// create_cgroups, limit_cgroups, attach_v1, attach_v2, v2_directory, remove_cgroups: the life of the directories.
#include <unistd.h>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/directory.h"
#include "sandbox/kernel/cgroup/hierarchy.h"
#include "sandbox/kernel/cgroup/place.h"
#include "sandbox/kernel/cgroup/resources.h"
#include "sandbox/kernel/cgroup/systemd.h"

namespace holdfast {
namespace {

using cgroup::find_controller;
using cgroup::find_v2;

// In hybrid version 2 is there for kill, freeze and BPF: its root's controllers are touched only
// when a limit needs one.
Result<> prepare_v2(const CgroupRecord& record, const oci::Resources& resources) {
  const auto* v2 = find_v2(record);
  if (!v2) return {};
  if (record.mode == HostFacts::Cgroup::kV2) return cgroup::enable_controllers(v2->directory, {});
  std::vector<std::string> wanted;
  for (const cgroup::Need& each : cgroup::needs(resources))
    if (!each.v2.empty() && !find_controller(record, each.v1)) wanted.emplace_back(each.v2);
  for (const auto& [name, value] : resources.unified)
    wanted.push_back(name.substr(0, name.find('.')));
  if (wanted.empty()) return {};
  return cgroup::enable_controllers(v2->directory, wanted);
}

// What a process needs before it can join.
Result<> prepare(const CgroupRecord& record, const oci::Resources& resources) {
  HF_DO(prepare_v2(record, resources));
  if (const auto* cpuset = find_controller(record, "cpuset"))
    HF_DO(cgroup::inherit_cpuset(cpuset->directory));
  return cgroup::check_controllers(record, resources);
}

}  // namespace

Result<> create_cgroups(const CgroupRecord& record, const oci::Resources& resources, pid_t pid) {
  const bool systemd = record.driver == CgroupDriver::kSystemd && !record.directories.empty();
  if (systemd) HF_DO(cgroup::start_unit(record, resources, pid));
  std::vector<const CgroupRecord::Directory*> made;
  auto done = cgroup::make_directories(record, systemd, made);
  if (done) done = prepare(record, resources);
  if (done) return {};
  long patience = cgroup::kRemovalPatience;
  for (const auto* each : made) (void)cgroup::remove_directory(each->directory, patience);
  if (systemd) (void)cgroup::stop_unit(record);
  return Failure(std::move(done.error()));
}

Result<> limit_cgroups(const CgroupRecord& record, const oci::Resources& resources) {
  HF_DO(cgroup::apply_limits(record, resources));
  return cgroup::apply_devices(record, resources.devices);
}

Result<> attach_v1(const CgroupRecord& record) {
  const auto* v2 = find_v2(record);
  for (const auto& each : record.directories)
    if (&each != v2) HF_DO(cgroup::write_control(each.directory, "tasks", "0"));
  return {};
}

Result<> attach_v2(const CgroupRecord& record) {
  const auto* v2 = find_v2(record);
  return v2 ? cgroup::write_control(v2->directory, "cgroup.procs", "0") : Result<>{};
}

Result<Fd> v2_directory(const CgroupRecord& record) {
  const auto* v2 = find_v2(record);
  if (!v2) return Fd();
  Fd fd(::open(v2->directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return os_error("open cgroup {}", v2->directory);
  return fd;
}

Result<Fd> v2_directory(const CgroupRecord& record, pid_t init) {
  HF_TRY(Fd top, v2_directory(record));
  if (!top) return top;
  const std::string& directory = find_v2(record)->directory;
  HF_TRY(const auto handed, cgroup::read_control(directory, "cgroup.subtree_control"));
  if (!handed || handed->empty()) return top;
  HF_TRY(const std::string cgroups, read_file(fmt::format("/proc/{}/cgroup", init)));
  for (const std::string_view line : split(cgroups, '\n')) {
    if (line.substr(0, 3) != "0::") continue;
    std::string_view path = line.substr(3);
    // Only ever a cgroup below the container's own.
    if (path.substr(0, record.path.size() + 1) != record.path + "/" ||
        path.find("/../") != std::string_view::npos)
      return top;
    path.remove_prefix(record.path.size());
    Fd fd(::open(fmt::format("{}{}", directory, path).c_str(),
                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return os_error("open cgroup {}{}", directory, path);
    return fd;
  }
  return top;
}

Result<> remove_cgroups(const CgroupRecord& record) {
  Result<> first;
  if (record.driver == CgroupDriver::kSystemd && !record.unit.empty())
    first = cgroup::stop_unit(record);
  // One that cannot be removed must not keep the others, and all wait for the same processes.
  long patience = cgroup::kRemovalPatience;
  for (const auto& each : record.directories)
    if (auto gone = cgroup::remove_directory(each.directory, patience); !gone && first)
      first = std::move(gone);
  return first;
}

Result<> remove_empty_cgroups(const CgroupRecord& record) {
  Result<> first;
  for (const auto& each : record.directories)
    if (::rmdir(each.directory.c_str()) != 0 && errno != ENOENT && errno != EBUSY &&
        errno != ENOTEMPTY && first)
      first = os_error("remove cgroup {}", each.directory);
  return first;
}

}  // namespace holdfast
