#include "profiles/policy/notify.h"

#include <sys/mount.h>

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

constexpr std::string_view kVariable = "NOTIFY_SOCKET=";

}  // namespace

// The source is the runtime's own, so there is nothing to judge about it; the flags are the profile's,
// as on any mount, and ours.
void resolve_notify(ResolveContext& c) {
  if (c.request.notify_directory.empty()) return;
  std::erase_if(c.plan.process.env,
                [](const std::string& each) { return each.starts_with(kVariable); });
  c.plan.process.env.push_back(fmt::format("{}{}/{}", kVariable, kNotifyMount, kNotifyName));
  MountPlan mount;
  mount.destination = kNotifyMount;
  mount.source = c.request.notify_directory;
  mount.type = "bind";
  mount.bind = true;
  mount.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  force_flags(c, mount);
  c.plan.mounts.push_back(std::move(mount));
  c.judge.kept("notifySocket", kNotifyMount, "only that it is ready is passed on");
}

void assign_notify_directory(Plan& plan, const FileIdentity& made) {
  for (MountPlan& mount : plan.mounts)
    if (mount.bind && !mount.source_file && mount.destination == kNotifyMount)
      mount.source_file = made;
}

}  // namespace holdfast
