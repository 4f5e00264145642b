// What the rootfs_*.cc files share. Nothing for others.
#pragma once

#include <sys/stat.h>

#include "core/plan/plan.h"
#include "sandbox/kernel/mount_api.h"

namespace holdfast {

// Whether the mount is a bind whose source must be opened.
bool needs_source(const MountPlan& mount);
// A detached copy of a bind's source, as the plan names it on the host.
Result<Fd> clone_source(const Plan& plan, const MountPlan& mount);
// The same of the root, cut off from the host's propagation.
Result<Fd> clone_root(const Plan& plan);

// The umask of a scope: what we make has the mode that we say. Single-threaded processes only.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  ~Umask() { ::umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  mode_t before_;
};

}  // namespace holdfast
