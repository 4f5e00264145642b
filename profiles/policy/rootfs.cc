// A read-only root, and what stays writable in it.
#include <sys/mount.h>

#include <algorithm>

#include "core/plan/mount_options.h"
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

bool lies_in(std::string_view path, std::string_view directory) {
  return path == directory || (path.starts_with(directory) && path.size() > directory.size() &&
                               path[directory.size()] == '/');
}

// What is mounted there is writable or not as it was asked for.
bool is_mounted(const Plan& plan, std::string_view path) {
  return std::any_of(plan.mounts.begin(), plan.mounts.end(), [&](const MountPlan& each) {
    return lies_in(path, clean_path(each.destination));
  });
}

// With what the image has there, its owner and its mode.
MountPlan writable_copy(std::string path) {
  MountPlan mount;
  mount.destination = std::move(path);
  mount.source = "tmpfs";
  mount.type = "tmpfs";
  mount.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  mount.copy_up = true;
  return mount;
}

}  // namespace

void resolve_rootfs(ResolveContext& c) {
  const RootfsRules& rules = c.judge.profile().rootfs;
  // A root that is asked for read-only gets nothing writable that was not asked for.
  if (c.plan.readonly_rootfs) return c.judge.kept("rootfs", "read-only");
  if (!rules.read_only) return c.judge.kept("rootfs", "writable");
  if (const Grant* grant = c.judge.exception("rootfs"))
    return c.judge.excepted(RuleId::kRootfs, "rootfs", "writable", *grant);
  if (c.privileged) return c.judge.kept("rootfs", "writable", "privileged");
  if (!find_namespace(c.plan, oci::NamespaceType::kMount))
    return c.judge.impossible("rootfs", "writable", "writable",
                              "it shares the host's mount namespace, whose root it would be");
  Paths places = rules.writable;
  for (std::string& each : places) each = clean_path(each);
  std::sort(places.begin(), places.end());
  std::vector<MountPlan> copies;
  std::string text = "read-only";
  for (std::string& each : places) {
    // Writable within one that is writable as a whole.
    const bool covered = std::any_of(copies.begin(), copies.end(), [&](const MountPlan& outer) {
      return lies_in(each, outer.destination);
    });
    if (each == "/" || covered || is_mounted(c.plan, each)) continue;
    text += (copies.empty() ? " but for " : ", ") + each;
    copies.push_back(writable_copy(std::move(each)));
  }
  if (!c.judge.tighten(RuleId::kRootfs, "rootfs", "writable", text, rule_of(RuleId::kRootfs).fix))
    return;
  c.plan.readonly_rootfs = true;
  // Before all others, which may lie in them.
  for (MountPlan& each : copies) {
    limit_tmpfs(c, each);
    force_flags(c, each);
  }
  c.plan.mounts.insert(c.plan.mounts.begin(), std::make_move_iterator(copies.begin()),
                       std::make_move_iterator(copies.end()));
}

}  // namespace holdfast
