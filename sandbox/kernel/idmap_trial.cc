#include "sandbox/kernel/idmap_trial.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>

#include "sandbox/kernel/mount_api.h"
#include "sandbox/kernel/mount_locked.h"

namespace holdfast {
namespace {

// As a claimed range would be; nothing ever has these ids.
const std::vector<oci::IdMapping> kAnyMap = {{0, 0x70000000, 65536}};

constexpr uint64_t kKernelMagics[] = {
    PROC_SUPER_MAGIC,   SYSFS_MAGIC,    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
    DEVPTS_SUPER_MAGIC, DEBUGFS_MAGIC,  TRACEFS_MAGIC,      SECURITYFS_MAGIC,
    BPF_FS_MAGIC,       NSFS_MAGIC,     SELINUX_MAGIC,      PSTOREFS_MAGIC,
    EFIVARFS_MAGIC,     BINFMTFS_MAGIC, 0x19800202 /* mqueue */};

// For people; the trial decides.
std::string_view filesystem_name(uint64_t magic) {
  struct Row {
    uint64_t magic;
    std::string_view name;
  };
  static constexpr Row kRows[] = {
      {OVERLAYFS_SUPER_MAGIC, "overlay"},
      {NFS_SUPER_MAGIC, "nfs"},
      {FUSE_SUPER_MAGIC, "fuse"},
      {EXT4_SUPER_MAGIC, "ext4"},
      {XFS_SUPER_MAGIC, "xfs"},
      {BTRFS_SUPER_MAGIC, "btrfs"},
      {TMPFS_MAGIC, "tmpfs"},
      {V9FS_MAGIC, "9p"},
      {SQUASHFS_MAGIC, "squashfs"},
      {0xff534d42, "cifs"},
      {0xfe534d42, "smb3"},
      {0x2fc12fc1, "zfs"},
      {0x00c36400, "ceph"},
  };
  for (const Row& row : kRows)
    if (row.magic == magic) return row.name;
  return "its file system";
}

Result<bool> is_kernels(const Fd& source) {
  HF_TRY(const Identity identity, identify(source));
  const uint32_t type = identity.mode & S_IFMT;
  if (type == S_IFCHR || type == S_IFBLK) return true;
  HF_TRY(const FilesystemState state, filesystem_state(source));
  return std::ranges::find(kKernelMagics, state.magic) != std::end(kKernelMagics);
}

// A node that only root of the host may use is of no use to the container's.
std::string device_problem(const std::string& path, const Fd& source) {
  const auto identity = identify(source);
  if (!identity) return identity.error().message;
  const uint32_t type = identity->mode & S_IFMT;
  if ((type != S_IFCHR && type != S_IFBLK) || (identity->mode & 06) == 06) return {};
  return fmt::format("{} is a device that only its owner on the host may use", path);
}

std::string refused(const MapTrial& trial, const Fd& copy) {
  if (errno != EINVAL && errno != EPERM) return os_error("{}", trial.path).value().message;
  const bool mapped_already = errno == EPERM;
  const auto state = filesystem_state(copy);
  const std::string_view name = filesystem_name(state ? state->magic : 0);
  if (mapped_already)
    return fmt::format("{}: {} may not be id-mapped (it is already, or is mounted by a user)",
                       trial.path, name);
  return fmt::format("{}: {}{} cannot be id-mapped", trial.path, name,
                     trial.recursive ? ", or what is mounted below it," : "");
}

std::string judge(MapTrial& trial, const TreeCopy& copy, const Fd& ids) {
  if (!copy.mount) return not_copied(copy).value().message;
  const auto kernels = is_kernels(copy.mount);
  if (!kernels) return fmt::format("{}: {}", trial.path, kernels.error().message);
  trial.kernel = *kernels;
  if (trial.kernel) return device_problem(trial.path, copy.mount);
  const Reach reach = trial.recursive ? Reach::kTree : Reach::kMount;
  if (change_mount(copy.mount, {.user_namespace = ids.get()}, reach)) return {};
  return refused(trial, copy.mount);
}

}  // namespace

Result<> try_id_maps(std::vector<MapTrial>& trials) {
  std::vector<TreeCopy> copies;
  copies.reserve(trials.size());
  for (const MapTrial& trial : trials)
    copies.push_back({trial.path, trial.recursive ? AT_RECURSIVE : 0U});
  Fd ids;
  // Only a copy that leaves out what is mounted below is another one where mounts are locked.
  if (std::ranges::all_of(trials, &MapTrial::recursive)) {
    HF_TRY(ids, make_user_namespace(kAnyMap, kAnyMap));
    copy_trees(copies);
  } else {
    HF_TRY(const LockedMounts host, LockedMounts::take());
    HF_TRY(ids, host.map_ids(kAnyMap, kAnyMap));
    HF_DO(host.copy(copies));
  }
  for (size_t i = 0; i < trials.size(); ++i) trials[i].problem = judge(trials[i], copies[i], ids);
  return {};
}

}  // namespace holdfast
