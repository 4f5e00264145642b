// Rootfs: what is made read-only or hidden, after everything else; each is read back.
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "sandbox/kernel/mount_filesystem.h"
#include "sandbox/kernel/rootfs.h"

namespace holdfast {
namespace {

bool is_missing(const Error& failure) { return failure.code == ENOENT || failure.code == ENOTDIR; }

Result<> set_read_only(const Fd& mount) {
  if (!change_mount(mount, {.set = MOUNT_ATTR_RDONLY}, Reach::kMount))
    return os_error("make it read-only");
  HF_TRY(const FilesystemState state, filesystem_state(mount));
  if ((state.flags & ST_RDONLY) == 0) return error("is not read-only after it was made so");
  return {};
}

// What is laid over masked paths: one null device, one empty tmpfs, each copied for every path.
// Before Linux 6.15 a copy can be taken of an attached mount only, so that each is taken of the one
// before.
class Mask {
 public:
  explicit Mask(Fd null_device, std::string label)
      : null_device_(std::move(null_device)), label_(std::move(label)) {}

  // Covers the target, returns the mask's mount.
  Result<const Fd*> cover(const Fd& target, bool directory) {
    Fd& last = directory ? empty_directory_ : null_device_;
    bool& used = directory ? directory_used_ : null_used_;
    if (used) {
      Fd copy = clone_tree(last, 0);
      if (!copy) return os_error("copy the mask");
      last = std::move(copy);
    } else if (directory) {
      HF_TRY(last, make_empty_directory());
    }
    if (!attach_mount(last, target)) return os_error("attach the mask");
    used = true;
    return &last;
  }

 private:
  Result<Fd> make_empty_directory() const {
    // nr_inodes=1: its root, nothing else; 0 would mean no limit (tmpfs(5)).
    return make_filesystem(
        {.type = "tmpfs",
         .source = "tmpfs",
         .data = {"size=4k", "nr_inodes=1", "mode=555"},
         .attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
         .superblock_flags = MS_RDONLY,
         .label = label_});
  }

  Fd null_device_, empty_directory_;
  bool null_used_ = false, directory_used_ = false;
  std::string label_;
};

}  // namespace

// Paths beneath /proc and /sys start at the descriptor of *our* mount, wherever a rename in the
// tree may have put it meanwhile; the others at the root.
Result<Fd> Rootfs::open_protected(const RootPath& path) const {
  for (auto each = kept_.rbegin(); each != kept_.rend(); ++each)
    if (each->destination != "/dev" && path.is_below(each->destination) && !each->make_read_only)
      return open_in_root(each->mount, path.from(each->destination), O_PATH, Links::kFollow);
  return open_in_root(root_, path, O_PATH, Links::kFollow);
}

Result<> Rootfs::remount_on_itself(const RootPath& path, uint64_t attributes) const {
  auto target = open_protected(path);
  if (!target) return is_missing(target.error()) ? Result<>{} : Failure(std::move(target.error()));
  const Fd copy = clone_tree(*target, AT_RECURSIVE);
  if (!copy) return os_error("copy");
  if (!change_mount(copy, {.set = attributes}, Reach::kTree)) return os_error("set its attributes");
  if (!attach_mount(copy, *target)) return os_error("attach");
  return read_back(path, copy);
}

Result<> Rootfs::mask_all(const Plan& plan) {
  Mask mask(std::move(null_device_), plan.mount_label);
  for (const std::string& each : plan.masked_paths) {
    const RootPath path(each);
    const auto hide = [&]() -> Result<> {
      if (path.is_root()) return error("the root cannot be masked");
      auto target = open_protected(path);
      if (!target)
        return is_missing(target.error()) ? Result<>{} : Failure(std::move(target.error()));
      HF_TRY(const Identity identity, identify(*target));
      if (identity.same_file(root_identity_)) return error("leads to the root");
      HF_TRY(const Fd* cover, mask.cover(*target, (identity.mode & S_IFMT) == S_IFDIR));
      return read_back(path, *cover);
    };
    HF_DO(with_context(hide(), "masked path {}", path.text()));
  }
  return {};
}

// The path, resolved afresh, must lead into that very mount.
Result<> Rootfs::read_back(const RootPath& path, const Fd& mount) const {
  HF_TRY(const Fd seen, open_protected(path));
  HF_TRY(const Identity found, identify(seen));
  HF_TRY(const Identity expected, identify(mount));
  if (found.mount_id != expected.mount_id) return error("is not covered after it was");
  return {};
}

// The mounts that later steps, and the masks above, rely on stand where the container looks for
// them.
Result<> Rootfs::check_kept() const {
  for (size_t i = 0; i < kept_.size(); ++i) {
    const Kept& each = kept_[i];
    const bool covered =
        std::any_of(kept_.begin() + static_cast<std::ptrdiff_t>(i) + 1, kept_.end(),
                    [&](const Kept& later) { return later.destination == each.destination; });
    if (covered ||
        (each.destination != "/proc" && each.destination != "/sys" && each.destination != "/dev"))
      continue;
    HF_TRY(const Fd seen, open_in_root(root_, RootPath(each.destination), O_PATH, Links::kRefuse));
    HF_TRY(const Identity found, identify(seen));
    HF_TRY(const Identity expected, identify(each.mount));
    if (!found.same_file(expected)) return error("{} was replaced", each.destination);
  }
  return {};
}

Result<> Rootfs::protect(const Plan& plan) {
  if (!own_mounts_) return {};
  for (const Kept& each : kept_)
    if (each.make_read_only) HF_DO(with_context(set_read_only(each.mount), "{}", each.destination));
  for (const std::string& each : plan.readonly_paths) {
    const RootPath path(each);
    HF_DO(
        with_context(remount_on_itself(path, MOUNT_ATTR_RDONLY), "read-only path {}", path.text()));
  }
  HF_DO(mask_all(plan));
  if (plan.readonly_rootfs) HF_DO(with_context(set_read_only(root_), "read-only root"));
  // After the root, whose flags they keep.
  for (const std::string& each : plan.nosuid_paths) {
    const RootPath path(each);
    HF_DO(with_context(remount_on_itself(path, MOUNT_ATTR_NOSUID), "nosuid path {}", path.text()));
  }
  HF_DO(check_kept());
  kept_.clear();
  return {};
}

}  // namespace holdfast
