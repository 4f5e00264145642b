// Rootfs: the table of mounts.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/kernel/mount_cgroup.h"
#include "sandbox/kernel/mount_copyup.h"
#include "sandbox/kernel/mount_filesystem.h"
#include "sandbox/kernel/rootfs.h"
#include "sandbox/kernel/rootfs_internal.h"

namespace holdfast {
namespace {

// Files that lxcfs and others put over those of procfs; runc's list.
constexpr std::string_view kAllowedInProc[] = {"/proc/cpuinfo",
                                               "/proc/diskstats",
                                               "/proc/loadavg",
                                               "/proc/meminfo",
                                               "/proc/net/dev",
                                               "/proc/slabinfo",
                                               "/proc/stat",
                                               "/proc/swaps",
                                               "/proc/sys/crypto/fips_enabled",
                                               "/proc/sys/kernel/ns_last_pid",
                                               "/proc/uptime"};
static_assert(std::ranges::is_sorted(kAllowedInProc));

// What the runtime itself relies on later must be a real directory of the rootfs.
bool is_base(const RootPath& path) {
  return path.text() == "/proc" || path.text() == "/sys" || path.text() == "/dev";
}

Links links_for(const MountPlan& mount, const RootPath& path) {
  const bool real = is_base(path) || mount.type == "proc" || mount.type == "sysfs";
  return real ? Links::kRefuse : Links::kFollow;
}

// Device nodes and copied files are still to be made: read-only comes last, in protect().
bool is_read_only_late(const MountPlan& mount, const RootPath& path) {
  return (mount.attr_set & MOUNT_ATTR_RDONLY) != 0 &&
         (mount.type == "tmpfs" || path.text() == "/dev");
}

bool has_option(const MountPlan& mount, std::string_view key) {
  return std::ranges::any_of(mount.data, [&](const std::string& option) {
    return option.size() > key.size() && option.starts_with(key) && option[key.size()] == '=';
  });
}

// A tmpfs takes the mode of the directory that it covers, unless one is asked.
void keep_mode(const Target& target, std::vector<std::string>& data) {
  data.insert(data.begin(), fmt::format("mode={:o}", target.identity.mode & 07777));
}

Failure attributes_refused(const MountPlan& mount) {
  if (errno != EPERM) return os_error("change its attributes");
  // can_change_locked_flags(): what a more privileged mount namespace has set stays. We never widen
  // implicitly: only flags that the plan names are cleared, so that this is a contradiction to
  // report.
  return os_error("the host has locked attributes of {} that the options would change",
                  mount.source);
}

// Set and cleared together; what is not named stays as the source has it.
Result<> change_attributes(const MountPlan& mount, const Fd& fd, uint64_t set) {
  const MountChange own{.set = set, .clear = mount.attr_clear};
  if ((own.set | own.clear) != 0 && !change_mount(fd, own, Reach::kMount))
    return attributes_refused(mount);
  return {};
}

Result<> change_tree_attributes(const MountPlan& mount, const Fd& fd) {
  const MountChange tree{.set = mount.recursive_attr_set, .clear = mount.recursive_attr_clear};
  if ((tree.set | tree.clear) != 0 && !change_mount(fd, tree, Reach::kTree))
    return attributes_refused(mount);
  return {};
}

Result<bool> is_proc(const Fd& fd) {
  HF_TRY(const FilesystemState state, filesystem_state(fd));
  return state.magic == kProcMagic;
}

}  // namespace

Result<> Rootfs::mount_all(const Plan& plan, const CgroupRecord& cgroups) {
  if (plan.mounts.empty()) return {};
  const Umask none(0);
  for (size_t i = 0; i < plan.mounts.size(); ++i)
    HF_DO(with_context(mount_one(plan, i, cgroups), "mount {}", plan.mounts[i].destination));
  return {};
}

Result<> Rootfs::mount_one(const Plan& plan, size_t index, const CgroupRecord& cgroups) {
  const MountPlan& mount = plan.mounts[index];
  const RootPath path(mount.destination);
  if (path.is_root()) return error("the destination is the root");
  if (mount.remount) return remount(mount, path);

  HF_TRY(Fd source, take_source(plan, index));
  TargetKind kind = TargetKind::kDirectory;
  if (source) {
    HF_TRY(const Identity identity, identify(source));
    if ((identity.mode & S_IFMT) != S_IFDIR) kind = TargetKind::kFile;
  }
  HF_TRY(const Target target, open_target(root_, path, kind, links_for(mount, path)));
  if (((target.identity.mode & S_IFMT) == S_IFDIR) != (kind == TargetKind::kDirectory))
    return error("a file and a directory cannot cover each other");
  HF_DO(check_target(mount, path, target, source));

  if (mount.type == "cgroup" || mount.type == "cgroup2") {
    const bool own = find_namespace(plan, oci::NamespaceType::kCgroup) != nullptr;
    HF_TRY(Fd top, mount_cgroups({.mount = mount,
                                  .cgroups = cgroups,
                                  .target = target.fd,
                                  .own_namespace = own,
                                  .rootless = plan.rootless,
                                  .label = plan.mount_label}));
    HF_DO(change_tree_attributes(mount, top));
    return finish_mount(mount, path, std::move(top), false);
  }
  const bool late = is_read_only_late(mount, path);
  if (source) {
    const uint64_t delayed = late ? uint64_t{MOUNT_ATTR_RDONLY} : 0;
    HF_DO(change_attributes(mount, source, mount.attr_set & ~delayed));
  } else {
    HF_TRY(source, make_mount(plan, index, target, late));
  }
  HF_DO(change_tree_attributes(mount, source));
  if (!attach_mount(source, target.fd)) return os_error("attach");
  return finish_mount(mount, path, std::move(source), late);
}

// The bind's detached copy; invalid where the mount is no bind.
Result<Fd> Rootfs::take_source(const Plan& plan, size_t index) {
  const MountPlan& mount = plan.mounts[index];
  if (!needs_source(mount)) return Fd();
  if (sources_.deferred) {
    if (mount.idmap) return error("id mappings need rights over the host's mounts");
    return clone_source(plan, mount);
  }
  if (!sources_.mounts[index]) return error("its source was not opened");
  return std::move(sources_.mounts[index]);
}

Result<Fd> Rootfs::make_mount(const Plan& plan, size_t index, const Target& target, bool late) {
  const MountPlan& mount = plan.mounts[index];
  FilesystemRequest request{.type = mount.type,
                            .source = mount.source,
                            .data = mount.data,
                            .attributes = mount.attr_set,
                            .superblock_flags = mount.superblock_flags,
                            .label = {}};
  // SELinux labels neither /proc nor /sys per mount.
  if (mount.type != "proc" && mount.type != "sysfs") request.label = plan.mount_label;
  if (late) {
    request.attributes &= ~uint64_t{MOUNT_ATTR_RDONLY};
    request.superblock_flags &= ~uint64_t{MS_RDONLY};
  }
  const bool covers = mount.type == "tmpfs" && target.existed;
  if (covers) keep_mode(target, request.data);
  HF_TRY(Fd fresh, make_filesystem(request));
  if (!mount.copy_up) return fresh;
  if (covers && !has_option(mount, "uid") && !has_option(mount, "gid") &&
      ::fchownat(fresh.get(), "", target.identity.uid, target.identity.gid, AT_EMPTY_PATH) != 0)
    return os_error("tmpcopyup: chown");
  HF_DO(with_context(copy_tree(target.fd, fresh), "tmpcopyup"));
  return fresh;
}

// "remount" changes what is mounted there already.
Result<> Rootfs::remount(const MountPlan& mount, const RootPath& path) {
  HF_TRY(const Fd target, open_in_root(root_, path, O_PATH, links_for(mount, path)));
  HF_TRY(const Identity identity, identify(target));
  if (!identity.mount_root || identity.same_file(root_identity_))
    return error("nothing is mounted there to be remounted");
  if (!mount.bind) HF_DO(reconfigure_filesystem(target, mount));
  HF_DO(change_attributes(mount, target, mount.attr_set));
  return change_tree_attributes(mount, target);
}

// Over procfs only what cannot deceive us or the container's processes (CVE-2019-16884,
// CVE-2019-19921, CVE-2023-27561). What counts is the file system that the destination leads to,
// and its path, as procfs may be mounted there only later.
Result<> Rootfs::check_target(const MountPlan& mount, const RootPath& path, const Target& target,
                              const Fd& source) const {
  if (target.identity.same_file(root_identity_)) return error("the destination leads to the root");
  HF_TRY(const bool on_proc, is_proc(target.fd));
  const bool proc_root = on_proc && target.identity.inode == kProcRootInode;
  if (path.text() == "/proc" || proc_root) {
    if (mount.type == "proc") return {};
    if (source) {
      HF_TRY(const bool real, is_procfs_root(source));
      if (real) return {};
    }
    return error("only a procfs may cover /proc");
  }
  if (!on_proc && !path.is_below("/proc")) return {};
  if (source && std::ranges::binary_search(kAllowedInProc, path.text()) &&
      (target.identity.mode & S_IFMT) == S_IFREG)
    return {};
  return error("the destination is inside /proc");
}

Result<> Rootfs::finish_mount(const MountPlan& mount, const RootPath& path, Fd fd, bool late) {
  // A new mount is private, and so is a bind for which "rprivate" was asked: open_mount_sources saw
  // to it.
  const bool is_private = mount.propagation == (MS_PRIVATE | MS_REC) && !sources_.deferred;
  if (mount.propagation != 0 && (!is_private || sharing_)) {
    const Reach reach = (mount.propagation & MS_REC) != 0 ? Reach::kTree : Reach::kMount;
    if (!change_mount(fd, {.propagation = mount.propagation & ~uint64_t{MS_REC}}, reach))
      return os_error("change its propagation");
  }
  sharing_ |= (mount.propagation & MS_SHARED) != 0;
  std::erase_if(kept_, [&](const Kept& each) {
    return each.destination == path.text() && !each.make_read_only;
  });
  if (is_base(path) || late) kept_.push_back({path.text(), DirFd(std::move(fd)), late});
  return {};
}

}  // namespace holdfast
