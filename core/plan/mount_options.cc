#include "core/plan/mount_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <iterator>

namespace holdfast {
namespace {

enum class Kind {
  kNothing,      // accepted, no effect: "defaults", "silent"
  kAttribute,    // MOUNT_ATTR_*
  kReadOnly,     // MOUNT_ATTR_RDONLY and, for a new file system, MS_RDONLY
  kAccessTime,   // one value of the MOUNT_ATTR__ATIME enumeration
  kSuperblock,   // MS_*
  kPropagation,  // MS_SHARED, ... | MS_REC
  kRecursive,    // MOUNT_ATTR_* with AT_RECURSIVE
  kRecursiveAccessTime,
  kBind,  // value 1: recursive
  kRemount,
  kCopyUp,
  kIdMap,  // value 1: recursive
};

struct Option {
  std::string_view name;
  Kind kind;
  uint64_t value = 0;
  bool clear = false;
};

// Sorted by name. "acl" is a file system's data, as in runc: MS_POSIXACL cannot be set from
// outside.
constexpr Option kOptions[] = {
    {"async", Kind::kSuperblock, MS_SYNCHRONOUS, true},
    {"atime", Kind::kAccessTime, MOUNT_ATTR_NOATIME, true},
    {"bind", Kind::kBind, 0},
    {"defaults", Kind::kNothing},
    {"dev", Kind::kAttribute, MOUNT_ATTR_NODEV, true},
    {"diratime", Kind::kAttribute, MOUNT_ATTR_NODIRATIME, true},
    {"dirsync", Kind::kSuperblock, MS_DIRSYNC},
    {"exec", Kind::kAttribute, MOUNT_ATTR_NOEXEC, true},
    {"idmap", Kind::kIdMap, 0},
    {"iversion", Kind::kSuperblock, MS_I_VERSION},
    {"lazytime", Kind::kSuperblock, MS_LAZYTIME},
    {"loud", Kind::kNothing},
    {"mand", Kind::kSuperblock, MS_MANDLOCK},
    {"noatime", Kind::kAccessTime, MOUNT_ATTR_NOATIME},
    {"nodev", Kind::kAttribute, MOUNT_ATTR_NODEV},
    {"nodiratime", Kind::kAttribute, MOUNT_ATTR_NODIRATIME},
    {"noexec", Kind::kAttribute, MOUNT_ATTR_NOEXEC},
    {"noiversion", Kind::kSuperblock, MS_I_VERSION, true},
    {"nolazytime", Kind::kSuperblock, MS_LAZYTIME, true},
    {"nomand", Kind::kSuperblock, MS_MANDLOCK, true},
    // The kernel's default is relatime: to take MS_RELATIME away changes nothing.
    {"norelatime", Kind::kNothing},
    {"nostrictatime", Kind::kAccessTime, MOUNT_ATTR_STRICTATIME, true},
    {"nosuid", Kind::kAttribute, MOUNT_ATTR_NOSUID},
    {"nosymfollow", Kind::kAttribute, MOUNT_ATTR_NOSYMFOLLOW},
    {"private", Kind::kPropagation, MS_PRIVATE},
    {"ratime", Kind::kRecursiveAccessTime, MOUNT_ATTR_NOATIME, true},
    {"rbind", Kind::kBind, 1},
    {"rdev", Kind::kRecursive, MOUNT_ATTR_NODEV, true},
    {"rdiratime", Kind::kRecursive, MOUNT_ATTR_NODIRATIME, true},
    {"relatime", Kind::kAccessTime, MOUNT_ATTR_RELATIME},
    {"remount", Kind::kRemount},
    {"rexec", Kind::kRecursive, MOUNT_ATTR_NOEXEC, true},
    {"ridmap", Kind::kIdMap, 1},
    {"rnoatime", Kind::kRecursiveAccessTime, MOUNT_ATTR_NOATIME},
    {"rnodev", Kind::kRecursive, MOUNT_ATTR_NODEV},
    {"rnodiratime", Kind::kRecursive, MOUNT_ATTR_NODIRATIME},
    {"rnoexec", Kind::kRecursive, MOUNT_ATTR_NOEXEC},
    {"rnorelatime", Kind::kNothing},
    {"rnostrictatime", Kind::kRecursiveAccessTime, MOUNT_ATTR_STRICTATIME, true},
    {"rnosuid", Kind::kRecursive, MOUNT_ATTR_NOSUID},
    {"rnosymfollow", Kind::kRecursive, MOUNT_ATTR_NOSYMFOLLOW},
    {"ro", Kind::kReadOnly},
    {"rprivate", Kind::kPropagation, MS_PRIVATE | MS_REC},
    {"rrelatime", Kind::kRecursiveAccessTime, MOUNT_ATTR_RELATIME},
    {"rro", Kind::kRecursive, MOUNT_ATTR_RDONLY},
    {"rrw", Kind::kRecursive, MOUNT_ATTR_RDONLY, true},
    {"rshared", Kind::kPropagation, MS_SHARED | MS_REC},
    {"rslave", Kind::kPropagation, MS_SLAVE | MS_REC},
    {"rstrictatime", Kind::kRecursiveAccessTime, MOUNT_ATTR_STRICTATIME},
    {"rsuid", Kind::kRecursive, MOUNT_ATTR_NOSUID, true},
    {"rsymfollow", Kind::kRecursive, MOUNT_ATTR_NOSYMFOLLOW, true},
    {"runbindable", Kind::kPropagation, MS_UNBINDABLE | MS_REC},
    {"rw", Kind::kReadOnly, 0, true},
    {"shared", Kind::kPropagation, MS_SHARED},
    // MS_SILENT only quiets the kernel's log; the mount API does not have it.
    {"silent", Kind::kNothing},
    {"slave", Kind::kPropagation, MS_SLAVE},
    {"strictatime", Kind::kAccessTime, MOUNT_ATTR_STRICTATIME},
    {"suid", Kind::kAttribute, MOUNT_ATTR_NOSUID, true},
    {"symfollow", Kind::kAttribute, MOUNT_ATTR_NOSYMFOLLOW, true},
    {"sync", Kind::kSuperblock, MS_SYNCHRONOUS},
    {"tmpcopyup", Kind::kCopyUp},
    {"unbindable", Kind::kPropagation, MS_UNBINDABLE},
};
static_assert(std::ranges::is_sorted(kOptions, {}, &Option::name));

const Option* find_option(std::string_view name) {
  const auto* at = std::ranges::lower_bound(kOptions, name, {}, &Option::name);
  return at != std::end(kOptions) && at->name == name ? at : nullptr;
}

void change(uint64_t& set, uint64_t& clear, uint64_t bits, bool clears) {
  (clears ? clear : set) |= bits;
  (clears ? set : clear) &= ~bits;
}

// mount_setattr(2): the access time is an enumeration, so that each change clears the whole field.
void change_access_time(uint64_t& set, uint64_t& clear, const Option& option) {
  clear |= MOUNT_ATTR__ATIME;
  set &= option.clear ? ~option.value : ~static_cast<uint64_t>(MOUNT_ATTR__ATIME);
  if (!option.clear) set |= option.value;
}

void apply(const Option& option, MountPlan& plan) {
  switch (option.kind) {
    case Kind::kNothing:
      break;
    case Kind::kAttribute:
      change(plan.attr_set, plan.attr_clear, option.value, option.clear);
      break;
    case Kind::kReadOnly:
      change(plan.attr_set, plan.attr_clear, MOUNT_ATTR_RDONLY, option.clear);
      if (option.clear) plan.superblock_flags &= ~static_cast<uint64_t>(MS_RDONLY);
      if (!option.clear) plan.superblock_flags |= MS_RDONLY;
      break;
    case Kind::kAccessTime:
      change_access_time(plan.attr_set, plan.attr_clear, option);
      break;
    case Kind::kSuperblock:
      if (option.clear) plan.superblock_flags &= ~option.value;
      if (!option.clear) plan.superblock_flags |= option.value;
      break;
    case Kind::kPropagation:
      plan.propagation = option.value;
      break;
    case Kind::kRecursive:
      change(plan.recursive_attr_set, plan.recursive_attr_clear, option.value, option.clear);
      break;
    case Kind::kRecursiveAccessTime:
      change_access_time(plan.recursive_attr_set, plan.recursive_attr_clear, option);
      break;
    case Kind::kBind:
      plan.bind = true;
      plan.recursive_bind |= option.value != 0;
      break;
    case Kind::kRemount:
      plan.remount = true;
      break;
    case Kind::kCopyUp:
      plan.copy_up = true;
      break;
    case Kind::kIdMap:
      if (!plan.idmap) plan.idmap.emplace();
      plan.idmap->recursive = option.value != 0;
      break;
  }
}

// Data as mount(2) takes it: "size=64k,mode=755" in one string is two options. A comma in double
// quotes or after a backslash separates nothing (context="a:b:c:s0:c1,c2"; overlay's lowerdir); the
// quotes go.
void append_data(std::string_view text, std::vector<std::string>& data) {
  std::string option;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == '\\' && i + 1 < text.size()) {
      option += text[i++];
      option += text[i];
    } else if (text[i] == ',' && !quoted) {
      if (!option.empty()) data.push_back(std::move(option));
      option.clear();
    } else {
      option += text[i];
    }
  }
  if (!option.empty()) data.push_back(std::move(option));
}

Result<> check(const MountPlan& plan) {
  const bool mapped = plan.idmap.has_value();
  if (plan.type.empty()) return error("neither a type nor \"bind\" is given");
  if (plan.bind && plan.source.empty() && !plan.remount)
    return error("a bind mount needs a source");
  if (plan.copy_up && plan.type != "tmpfs") return error("\"tmpcopyup\" needs a tmpfs");
  if (mapped && !plan.bind) return error("id mappings need a bind mount");
  if (mapped && plan.idmap->uid_mappings.empty() != plan.idmap->gid_mappings.empty())
    return error("uidMappings and gidMappings must be given together");
  return {};
}

}  // namespace

std::string clean_path(std::string_view path) {
  std::string clean;
  clean.reserve(path.size() + 1);
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      clean.resize(clean.empty() ? 0 : clean.rfind('/'));
    } else {
      clean += '/';
      clean += part;
    }
  }
  return clean.empty() ? "/" : clean;
}

Result<MountPlan> parse_mount(const oci::Mount& mount) {
  MountPlan plan;
  if (mount.destination.empty()) return error("a mount has no destination");
  for (const std::string* text : {&mount.destination, &mount.source, &mount.type})
    if (text->find('\0') != std::string::npos)
      return error("mount \"{}\": a field holds a zero byte", mount.destination.c_str());
  plan.destination = clean_path(mount.destination);
  plan.source = mount.source;
  plan.type = mount.type;

  for (const std::string& name : mount.options) {
    if (const Option* option = find_option(name)) {
      apply(*option, plan);
    } else if (name.find('\0') != std::string::npos) {
      return error("mount \"{}\": an option holds a zero byte", mount.destination);
    } else {
      append_data(name, plan.data);
    }
  }
  // The type of a bind mount means nothing (config.md#mounts); "bind" alone asks for one, as in
  // crun.
  if (plan.type == "bind" || plan.type == "rbind") {
    plan.recursive_bind |= plan.type == "rbind";
    plan.bind = true;
  }
  if (plan.bind) plan.type = "bind";
  if (!mount.uid_mappings.empty() || !mount.gid_mappings.empty()) {
    if (!plan.idmap) plan.idmap.emplace();
    plan.idmap->uid_mappings = mount.uid_mappings;
    plan.idmap->gid_mappings = mount.gid_mappings;
  }
  HF_DO(with_context(check(plan), "mount \"{}\"", mount.destination));
  return plan;
}

const std::vector<std::string>& known_mount_options() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Option& option : kOptions) all.emplace_back(option.name);
    return all;
  }();
  return names;
}

}  // namespace holdfast
