// examine_mounts: what of the container's tree is read-only, hidden, and how it is mounted.
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "core/plan/mount_options.h"
#include "sandbox/kernel/mount_api.h"
#include "sandbox/kernel/mount_table.h"
#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/rootfs_path.h"
#include "sandbox/kernel/verify_internal.h"

namespace holdfast::verify {
namespace {

constexpr uint64_t kFlags = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                            MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW;
constexpr size_t kTableLimit = 16 << 20;

std::string flag_names(uint64_t flags) {
  std::vector<std::string> names;
  if (flags & MOUNT_ATTR_RDONLY) names.emplace_back("ro");
  if (flags & MOUNT_ATTR_NOSUID) names.emplace_back("nosuid");
  if (flags & MOUNT_ATTR_NODEV) names.emplace_back("nodev");
  if (flags & MOUNT_ATTR_NOEXEC) names.emplace_back("noexec");
  if (flags & MOUNT_ATTR_NOSYMFOLLOW) names.emplace_back("nosymfollow");
  if (flags & MOUNT_ATTR_IDMAP) names.emplace_back("idmapped");
  return join(names, ",");
}

// The tree as the process sees it: its table, and, where a path leads through links, its root.
class Tree {
 public:
  static Result<Tree> read(const DirFd& procfs, pid_t pid) {
    Tree tree(procfs, pid);
    HF_TRY(std::string text, read_proc(procfs, fmt::format("{}/mountinfo", pid), kTableLimit));
    HF_TRY(tree.table_, MountTable::parse(std::move(text)));
    struct stat null {};
    if (::stat("/dev/null", &null) == 0) tree.null_device_ = null.st_dev;
    return tree;
  }

  const MountEntry* at(const std::string& path) const { return table_.at(path); }

  // What a path leads to, links followed inside the root; an invalid Fd where nothing is there.
  Result<Fd> open(const std::string& path) {
    if (!root_) {
      // A link of procfs's own making: it leads to the root of the process, wherever that is.
      HF_TRY(Fd root, procfs_->open_at(fmt::format("{}/root", pid_), O_PATH | O_DIRECTORY));
      root_ = DirFd(std::move(root));
    }
    auto found = open_in_root(root_, RootPath(path), O_PATH, Links::kFollow);
    if (!found && (found.error().code == ENOENT || found.error().code == ENOTDIR)) return Fd();
    return found;
  }

  const MountEntry* find(uint64_t id) const { return table_.find(id); }
  const std::vector<MountEntry>& entries() const { return table_.entries(); }
  const MountEntry& root() const { return table_.root(); }

  bool is_root_covered() const {
    return std::any_of(entries().begin(), entries().end(), [&](const MountEntry& each) {
      return each.point == "/" && &each != &root();
    });
  }

  // Whether a mount at a place of this name ("/secrets") cannot be reached by its path.
  bool has_covered(std::string_view name) const {
    return std::any_of(entries().begin(), entries().end(), [&](const MountEntry& each) {
      return each.point.ends_with(name) && table_.at(each.point) != &each;
    });
  }

  // The empty tmpfs, or the host's null device, that the runtime lays over a masked path.
  bool is_mask(const MountEntry& mount) const {
    if (mount.type == "tmpfs" && mount.root == "/") return mount.read_only();
    return (mount.root == "/null" || mount.root.ends_with("/null")) &&
           makedev(mount.major, mount.minor) == null_device_;
  }

 private:
  Tree(const DirFd& procfs, pid_t pid) : procfs_(&procfs), pid_(pid) {}

  const DirFd* procfs_;
  pid_t pid_;
  MountTable table_;
  DirFd root_;
  dev_t null_device_ = 0;
};

Result<bool> is_hidden(Tree& tree, const std::string& path) {
  const MountEntry* mount = tree.at(path);
  if (mount && mount->point == path && tree.is_mask(*mount)) return true;
  HF_TRY(const Fd file, tree.open(path));
  if (!file) return true;  // nothing is there to be hidden
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return os_error("stat {}", path);
  if (S_ISCHR(info.st_mode)) return info.st_rdev == makedev(1, 3);
  HF_TRY(const FilesystemState state, filesystem_state(file));
  return state.magic == kTmpfsMagic && (state.flags & ST_RDONLY) != 0;
}

Result<bool> is_read_only(Tree& tree, const std::string& path) {
  const MountEntry* mount = tree.at(path);
  if (mount && mount->read_only()) return true;
  HF_TRY(const Fd file, tree.open(path));
  if (!file) return true;
  HF_TRY(const FilesystemState state, filesystem_state(file));
  return (state.flags & ST_RDONLY) != 0;
}

Result<bool> is_nosuid(Tree& tree, const std::string& path) {
  const MountEntry* mount = tree.at(path);
  if (mount && (mount->flags & MOUNT_ATTR_NOSUID) != 0) return true;
  HF_TRY(const Fd file, tree.open(path));
  if (!file) return true;
  HF_TRY(const FilesystemState state, filesystem_state(file));
  return (state.flags & ST_NOSUID) != 0;
}

// --- the plan's mounts ---

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         (directory == "/" || path[directory.size()] == '/');
}

bool is_at_or_below(std::string_view path, std::string_view directory) {
  return path == directory || is_below(path, directory);
}

struct Planned {
  const MountPlan& mount;
  std::string path;
  const MountEntry* shown = nullptr;  // null: not looked for, or not there

  uint64_t flags() const {
    const uint64_t set = (mount.attr_set | mount.recursive_attr_set) &
                         ~(mount.attr_clear | mount.recursive_attr_clear) & kFlags;
    return set | (mount.idmap ? MOUNT_ATTR_IDMAP : 0);
  }
  uint64_t recursive_flags() const {
    return mount.recursive_attr_set & ~mount.recursive_attr_clear & kFlags;
  }
};

std::vector<std::string> cleaned(const std::vector<std::string>& paths) {
  std::vector<std::string> clean;
  clean.reserve(paths.size());
  for (const std::string& each : paths) clean.push_back(clean_path(each));
  return clean;
}

bool names(const std::vector<std::string>& paths, std::string_view path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

// Later mounts cover earlier ones at the same place, or above it.
bool is_covered(const std::vector<Planned>& all, size_t index) {
  for (size_t i = index + 1; i < all.size(); ++i)
    if (is_at_or_below(all[index].path, all[i].path)) return true;
  return false;
}

// What the runtime makes of these is a file system of this type wherever it stands; of others the
// kernel may tell another name (a bind's is its source's, "cgroup" is a tmpfs with version 1).
bool shows_type(const MountPlan& mount) {
  static constexpr std::array<std::string_view, 5> kTypes{"proc", "sysfs", "tmpfs", "devpts",
                                                          "mqueue"};
  return !mount.bind && !mount.remount &&
         std::find(kTypes.begin(), kTypes.end(), mount.type) != kTypes.end();
}

Result<> find_mount(Findings& found, Tree& tree, Planned& planned, bool last) {
  const std::string& path = planned.path;
  planned.shown = tree.at(path);
  if (planned.shown && planned.shown->point == path && path != "/") return {};
  planned.shown = nullptr;
  HF_TRY(const Fd file, tree.open(path));
  if (file) {
    HF_TRY(const Identity identity, identify(file));
    if (identity.mount_root) planned.shown = tree.find(identity.mount_id);
    if (planned.shown && planned.shown->point != "/") return {};
    planned.shown = nullptr;
  }
  // Through a link it may have come to stand where a later mount covers it.
  if (!last && tree.has_covered(path.substr(path.rfind('/')))) return {};
  found.differ("{} is not {}", path, file ? "mounted" : "there");
  return {};
}

void examine_mount(Findings& found, const Planned& planned) {
  const MountEntry& shown = *planned.shown;
  if (const uint64_t missing = planned.flags() & ~shown.flags; missing != 0)
    found.differ("{} is not {}", planned.path, flag_names(missing));
  if (shows_type(planned.mount) && shown.type != planned.mount.type)
    found.differ("{} is {} instead of {}", planned.path, shown.type, planned.mount.type);
}

// What came along with a recursive bind; what else the plan mounts or masks below it is its own.
void examine_submounts(Findings& found, const Tree& tree, const std::vector<Planned>& all,
                       const Planned& planned, const std::vector<std::string>& masks) {
  const auto is_another = [&](const MountEntry& entry) {
    if (names(masks, entry.point)) return true;
    return std::any_of(all.begin(), all.end(), [&](const Planned& other) {
      return other.shown && is_below(other.shown->point, planned.shown->point) &&
             is_at_or_below(entry.point, other.shown->point);
    });
  };
  for (const MountEntry& entry : tree.entries()) {
    const uint64_t missing = planned.recursive_flags() & ~entry.flags;
    if (missing != 0 && is_below(entry.point, planned.shown->point) && !is_another(entry))
      found.differ("{}, which came with {}, is not {}", entry.point, planned.path,
                   flag_names(missing));
  }
}

Result<> examine_mounts_of_plan(Findings& found, Tree& tree, const Examinee& subject,
                                const std::vector<std::string>& masks) {
  const std::vector<MountPlan>& mounts = subject.plan.mounts;
  found.begin("mounts");
  // "/.." leads there: a root that the container has been moved away from, for one.
  if (tree.is_root_covered()) found.differ("something is mounted over the root");
  std::vector<Planned> all;
  all.reserve(mounts.size());
  for (const MountPlan& each : mounts) all.push_back({each, clean_path(each.destination)});
  for (size_t i = 0; i < all.size(); ++i) {
    Planned& planned = all[i];
    if (planned.path == "/" || names(masks, planned.path) || is_covered(all, i)) continue;
    HF_DO(unless_unseen(found, subject, find_mount(found, tree, planned, i + 1 == all.size())));
    if (planned.shown) examine_mount(found, planned);
  }
  for (const Planned& each : all)
    if (each.shown && each.recursive_flags() != 0) examine_submounts(found, tree, all, each, masks);
  return {};
}

template <class Holds>
Result<> examine_paths(Findings& found, Tree& tree, const Examinee& subject, std::string_view item,
                       const std::vector<std::string>& paths, Holds holds, std::string_view what) {
  if (paths.empty()) return {};
  found.begin(item);
  for (const std::string& path : paths) {
    auto held = holds(tree, path);
    if (!held) HF_DO(unless_unseen(found, subject, Failure(std::move(held).error())));
    if (held && !*held) found.differ("{} is not {}", path, what);
  }
  return {};
}

}  // namespace

Result<> examine_mounts(Findings& found, const Examinee& subject, const DirFd& procfs) {
  const Plan& plan = subject.plan;
  const oci::Namespace* own = find_namespace(plan, oci::NamespaceType::kMount);
  // In one that it shares nothing is made, and a further process has its container's.
  if (!own || !own->path.empty() || subject.init > 0) return {};
  HF_TRY(Tree tree, Tree::read(procfs, subject.pid));
  const auto masks = cleaned(plan.masked_paths);
  HF_DO(examine_mounts_of_plan(found, tree, subject, masks));
  HF_DO(examine_paths(found, tree, subject, "maskedPaths", masks, is_hidden, "hidden"));
  HF_DO(examine_paths(found, tree, subject, "readonlyPaths", cleaned(plan.readonly_paths),
                      is_read_only, "read-only"));
  HF_DO(examine_paths(found, tree, subject, "nosuidPaths", cleaned(plan.nosuid_paths), is_nosuid,
                      "nosuid"));
  if (!plan.readonly_rootfs && !plan.rootfs_idmap) return {};
  found.begin("rootfs");
  if (plan.readonly_rootfs && !tree.root().read_only()) found.differ("the root is not read-only");
  if (plan.rootfs_idmap && (tree.root().flags & MOUNT_ATTR_IDMAP) == 0)
    found.differ("the root is not idmapped");
  return {};
}

}  // namespace holdfast::verify
