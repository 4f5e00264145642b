// The flags that the profile gives to every mount of a class.
#include <sys/mount.h>

#include <algorithm>

#include "core/plan/mount_options.h"
#include "profiles/policy/context.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000  // Linux 5.14
#endif

namespace holdfast {
namespace {

struct Flag {
  MountFlag flag;
  uint64_t attribute;
  std::string_view name;
};
constexpr Flag kFlags[] = {{MountFlag::kNosuid, MOUNT_ATTR_NOSUID, "nosuid"},
                           {MountFlag::kNodev, MOUNT_ATTR_NODEV, "nodev"},
                           {MountFlag::kNoexec, MOUNT_ATTR_NOEXEC, "noexec"},
                           {MountFlag::kNosymfollow, MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"}};

bool is_kernels(std::string_view type) {
  static constexpr std::string_view kTypes[] = {"proc",    "sysfs",  "cgroup",
                                                "cgroup2", "mqueue", "devpts"};
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

// A remount is of the class of what it finds at its place.
const MountPlan& mounted_before(const Plan& plan, const MountPlan& mount) {
  if (!mount.remount) return mount;
  for (auto each = plan.mounts.rbegin(); each != plan.mounts.rend(); ++each)
    if (!each->remount && each->destination == mount.destination) return *each;
  return mount;
}

uint64_t forced_on(const MountRules& rules, const DeviceRules& devices, const MountPlan& mount) {
  const auto bits = [](MountFlags flags) {
    uint64_t attributes = 0;
    for (const Flag& each : kFlags)
      if (flags.has(each.flag)) attributes |= each.attribute;
    return attributes;
  };
  const auto without = [](uint64_t attributes, bool condition) {
    return condition ? attributes & ~uint64_t{MOUNT_ATTR_NODEV} : attributes;
  };
  if (mount.bind) {
    // A node that the profile gives is of use on a mount with devices only.
    const bool given = std::find(devices.allow.begin(), devices.allow.end(),
                                 clean_path(mount.source)) != devices.allow.end();
    return without(bits(rules.force_bind), given);
  }
  if (mount.type == "tmpfs" || mount.type == "ramfs")
    return without(bits(rules.force_tmpfs), mount.destination == "/dev");
  if (is_kernels(mount.type)) return without(bits(rules.force_kernel), mount.type == "devpts");
  return 0;
}

bool has_nosymfollow(std::string_view kernel) {
  const auto parts = split(kernel, '.');
  if (parts.size() < 2) return false;
  const std::string_view minor = parts[1].substr(0, parts[1].find_first_not_of("0123456789"));
  const int release =
      parse_number<int>(parts[0]).value_or(0) * 1000 + parse_number<int>(minor).value_or(0);
  return release >= 5014;
}

std::string names_of(uint64_t attributes) {
  std::string names;
  for (const Flag& each : kFlags)
    if (attributes & each.attribute)
      names += fmt::format("{}{}", names.empty() ? "" : ",", each.name);
  return names;
}

}  // namespace

void force_flags(ResolveContext& c, MountPlan& mount) {
  const Profile& profile = c.judge.profile();
  const MountRules& rules = profile.mounts;
  if (rules.force_bind.empty() && rules.force_tmpfs.empty() && rules.force_kernel.empty()) return;
  const MountPlan& base = mounted_before(c.plan, mount);
  uint64_t forced = forced_on(rules, profile.devices, base);
  if (forced & MOUNT_ATTR_NOSYMFOLLOW && !has_nosymfollow(c.facts.kernel)) {
    forced &= ~uint64_t{MOUNT_ATTR_NOSYMFOLLOW};
    c.judge.impossible("mountFlags", mount.destination, "without nosymfollow",
                       "nosymfollow needs Linux 5.14");
  }
  const bool tree = base.bind && base.recursive_bind;
  const uint64_t cleared = (mount.attr_clear | mount.recursive_attr_clear) & forced;
  const uint64_t set = tree ? mount.recursive_attr_set : mount.attr_set;
  const uint64_t missing = mount.remount ? cleared : (forced & ~set) | cleared;
  if (missing == 0) return;
  const std::string asked = fmt::format("{} without {}", mount.destination, names_of(missing));
  const Grant* grant = c.judge.exception("mounts", mount.destination);
  if (!grant && base.bind) grant = c.judge.exception("mounts", base.source);
  if (grant) return c.judge.excepted(RuleId::kMountFlags, "mountFlags", asked, *grant);
  if (c.privileged) return c.judge.kept("mountFlags", asked, "privileged");
  if (!c.judge.tighten(RuleId::kMountFlags, "mountFlags", asked, names_of(forced),
                       rule_of(RuleId::kMountFlags).fix))
    return;
  mount.attr_clear &= ~forced;
  mount.recursive_attr_clear &= ~forced;
  if (mount.remount) return;
  mount.attr_set |= forced;
  if (tree) mount.recursive_attr_set |= forced;
}

}  // namespace holdfast
