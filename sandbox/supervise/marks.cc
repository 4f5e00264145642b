#include "sandbox/supervise/marks.h"

#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/kernel/mount_table.h"
#include "sandbox/kernel/proc_file.h"

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

namespace holdfast {
namespace {

constexpr size_t kMaxTable = 16 << 20;

uint64_t device_of(const MountEntry& entry) { return uint64_t{entry.major} << 32 | entry.minor; }

// The kernel's own: they hold no programs of anybody's.
bool holds_no_programs(std::string_view type) {
  static constexpr std::string_view kTypes[] = {
      "proc",    "sysfs",       "cgroup",     "cgroup2", "devpts",   "mqueue",
      "debugfs", "tracefs",     "securityfs", "bpf",     "pstore",   "efivarfs",
      "nsfs",    "binfmt_misc", "configfs",   "fusectl", "selinuxfs"};
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

bool is_beneath(std::string_view directory, std::string_view path) {
  if (directory == "/" || directory == path) return true;
  return path.starts_with(directory) && path[directory.size()] == '/';
}

// A file system that nothing else than this container uses. An engine mounts the container's overlay out
// here, too; but never is it our own root, of which a container may have got a bind.
bool only_the_containers(const MountEntry& entry, const MountEntry& root, const HostDevices& host) {
  if (entry.root != "/") return false;
  const uint64_t device = device_of(entry);
  if (!std::binary_search(host.all.begin(), host.all.end(), device)) return true;
  return device == device_of(root) && root.type == "overlay" && device != host.root;
}

Result<MountTable> table_of(const DirFd& procfs, const std::string& process) {
  HF_TRY(std::string text, read_proc(procfs, process + "/mountinfo", kMaxTable));
  return MountTable::parse(std::move(text));
}

// Its place, if no other mount stands over it.
Result<Fd> open_mount(const DirFd& root, const MountEntry& entry) {
  const std::string path = entry.point == "/" ? "." : std::string(entry.point.substr(1));
  HF_TRY(Fd place, root.open_resolved(path, O_PATH, kInRoot));
  struct statx info {};
  if (::statx(place.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &info) != 0)
    return os_error("stat {}", entry.point);
  if ((info.stx_mask & STATX_MNT_ID) == 0) return error("the kernel tells no ids of mounts");
  if (info.stx_mnt_id != entry.id) return Fd();
  return place;
}

Result<> mark(const Fd& group, const DirFd& procfs, const Fd& place, unsigned int scope,
              uint64_t mask) {
  const std::string path = own_proc_path(fmt::format("fd/{}", place.get()));
  if (::fanotify_mark(group.get(), FAN_MARK_ADD | scope, mask, procfs.get(), path.c_str()) != 0)
    return os_error("mark");
  return {};
}

}  // namespace

Result<HostDevices> host_devices(const DirFd& procfs) {
  HF_TRY(const MountTable table, table_of(procfs, fmt::format("{}", ::getpid())));
  HostDevices host;
  for (const MountEntry& each : table.entries()) host.all.push_back(device_of(each));
  std::sort(host.all.begin(), host.all.end());
  host.all.erase(std::unique(host.all.begin(), host.all.end()), host.all.end());
  host.root = device_of(table.root());
  return host;
}

Result<Marks> place_marks(const Fd& group, const DirFd& procfs, pid_t pid, const HostDevices& host,
                          bool libraries) {
  const std::string process = fmt::format("{}", pid);
  HF_TRY(const MountTable table, table_of(procfs, process));
  HF_TRY(const DirFd directory, procfs.open_dir(process, O_PATH));
  HF_TRY(const DirFd root, directory.open_dir("root", O_PATH));
  const uint64_t mask =
      libraries ? uint64_t{FAN_OPEN_EXEC_PERM | FAN_OPEN_PERM} : uint64_t{FAN_OPEN_EXEC_PERM};
  const MountEntry& top = table.root();
  Marks marks;
  for (const MountEntry& each : table.entries()) {
    if (holds_no_programs(each.type)) continue;
    if (device_of(each) == device_of(top) && is_beneath(top.root, each.root))
      marks.image.push_back(each.id);
    const bool whole = only_the_containers(each, top, host);
    HF_TRY(const Fd place, with_context(open_mount(root, each), "{}", each.point));
    if (!place) continue;  // nobody can get there but by unmounting what stands over it
    HF_DO(
        with_context(mark(group, procfs, place, whole ? FAN_MARK_FILESYSTEM : FAN_MARK_MOUNT, mask),
                     "{}", each.point));
    ++marks.placed;
  }
  std::sort(marks.image.begin(), marks.image.end());
  if (marks.placed == 0) return error("no mount could be marked");
  return marks;
}

}  // namespace holdfast
