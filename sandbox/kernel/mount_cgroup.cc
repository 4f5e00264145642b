#include "sandbox/kernel/mount_cgroup.h"

#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/kernel/mount_api.h"
#include "sandbox/kernel/mount_filesystem.h"

namespace holdfast {
namespace {

using Directory = CgroupRecord::Directory;

constexpr std::string_view kCgroupRoot = "/sys/fs/cgroup/";
constexpr uint64_t kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

uint64_t attributes_of(const CgroupMount& request) {
  uint64_t set = request.mount.attr_set;
  if (request.rootless && !request.own_namespace) set |= MOUNT_ATTR_RDONLY;
  return set;
}

// "cpu,cpuacct" of "/sys/fs/cgroup/cpu,cpuacct/docker/3f2a": the hierarchy's name as the host has
// it.
std::string hierarchy_name(const Directory& hierarchy) {
  std::string_view path = hierarchy.directory;
  if (path.starts_with(kCgroupRoot)) {
    path.remove_prefix(kCgroupRoot.size());
    return std::string(path.substr(0, path.find('/')));
  }
  std::string_view name = hierarchy.controllers;
  if (name.starts_with("name=")) name.remove_prefix(5);
  return name.empty() ? "unified" : std::string(name);
}

// The container's directory of one hierarchy, as a detached bind.
Result<Fd> bind_directory(const Directory& hierarchy, uint64_t attributes) {
  // The cgroup tree is the host's: its paths are not the image's to change.
  Fd copy = clone_tree(AT_FDCWD, hierarchy.directory.c_str(), AT_SYMLINK_NOFOLLOW);
  if (!copy) return os_error("open {}", hierarchy.directory);
  if (!change_mount(copy, {.set = attributes | kQuiet, .propagation = MS_PRIVATE}, Reach::kMount))
    return os_error("change the bind of {}", hierarchy.directory);
  return copy;
}

Result<Fd> make_hierarchy(const Directory& hierarchy, uint64_t attributes) {
  FilesystemRequest request;
  request.type = hierarchy.controllers.empty() ? "cgroup2" : "cgroup";
  request.source = request.type;
  request.attributes = attributes | kQuiet;
  for (const std::string_view controller : split(hierarchy.controllers, ','))
    request.data.emplace_back(controller);
  return make_filesystem(request);
}

Result<> attach(const Fd& mount, const Fd& target) {
  if (!attach_mount(mount, target)) return os_error("attach");
  return {};
}

Result<Fd> mount_v2(const CgroupMount& request) {
  const uint64_t attributes = attributes_of(request);
  if (request.own_namespace) {
    auto fresh = make_filesystem({.type = "cgroup2",
                                  .source = "cgroup",
                                  .data = request.mount.data,
                                  .attributes = attributes,
                                  .superblock_flags = 0,
                                  .label = {}});
    if (fresh) {
      HF_DO(attach(*fresh, request.target));
      return fresh;
    }
    // A cgroup namespace that was joined and belongs to another user namespace: the bind shows the
    // same or less. Anything else is a failure.
    if (fresh.error().code != EPERM && fresh.error().code != EBUSY) return fresh;
  }
  for (const Directory& each : request.cgroups.directories) {
    if (!each.controllers.empty()) continue;
    HF_TRY(Fd own, bind_directory(each, attributes));
    HF_DO(attach(own, request.target));
    return own;
  }
  return error("the container has no cgroup of its own to show ({})",
               request.cgroups.without.empty() ? "none is known" : request.cgroups.without);
}

// The hierarchy's directory in the tmpfs, and its links.
Result<> mount_hierarchy(const CgroupMount& request, const DirFd& top, const Directory& hierarchy) {
  const std::string name = hierarchy_name(hierarchy);
  HF_DO(top.mkdir(name, 0755));
  HF_TRY(const Fd place, top.open_at(name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  const uint64_t attributes = attributes_of(request);
  HF_TRY(const Fd mount, request.own_namespace ? make_hierarchy(hierarchy, attributes)
                                               : bind_directory(hierarchy, attributes));
  HF_DO(attach(mount, place));
  if (name.find(',') == std::string::npos) return {};
  for (const std::string_view part : split(name, ',')) {
    const std::string link(part);
    if (::symlinkat(name.c_str(), top.get(), link.c_str()) != 0 && errno != EEXIST)
      return os_error("symlink {}", link);
  }
  return {};
}

Result<Fd> mount_v1(const CgroupMount& request) {
  const uint64_t attributes = attributes_of(request) | kQuiet;
  HF_TRY(Fd top, make_filesystem({.type = "tmpfs",
                                  .source = "cgroup",
                                  .data = {"mode=755"},
                                  .attributes = attributes & ~uint64_t{MOUNT_ATTR_RDONLY},
                                  .superblock_flags = 0,
                                  .label = request.label}));
  // Attached first: before Linux 6.15 nothing can be mounted in a detached tree.
  HF_DO(attach(top, request.target));
  const DirFd directory(std::move(top));
  for (const Directory& each : request.cgroups.directories)
    HF_DO(with_context(mount_hierarchy(request, directory, each), "{}", hierarchy_name(each)));
  if ((attributes & MOUNT_ATTR_RDONLY) != 0 &&
      !change_mount(directory, {.set = MOUNT_ATTR_RDONLY}, Reach::kMount))
    return os_error("make the top read-only");
  return directory.dup();
}

}  // namespace

Result<Fd> mount_cgroups(const CgroupMount& request) {
  const bool unified =
      request.mount.type == "cgroup2" || request.cgroups.mode == HostFacts::Cgroup::kV2;
  return unified ? mount_v2(request) : mount_v1(request);
}

}  // namespace holdfast
