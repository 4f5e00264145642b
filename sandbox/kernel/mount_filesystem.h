// New file systems: fsopen, fsconfig, fsmount. The mount is detached; the caller attaches it.
//
//   HF_TRY(Fd tmpfs, make_filesystem({.type = "tmpfs", .source = "tmpfs", .data = {"size=64k"},
//                                     .attributes = MOUNT_ATTR_NOSUID}));
//
// An error holds the kernel's own words where it gave some:
// "tmpfs: size=64x: Bad value for 'size': invalid argument".
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/plan/plan.h"

namespace holdfast {

struct FilesystemRequest {
  std::string type, source;
  std::vector<std::string>
      data;                 // "mode=755", "noswap"; the first of a kind is overridden by the last
  uint64_t attributes = 0;  // MOUNT_ATTR_*
  uint64_t superblock_flags = 0;  // MS_*
  std::string label;              // SELinux: the mount's context; not for proc and sysfs
};

Result<Fd> make_filesystem(const FilesystemRequest& request);

// "remount" without "bind": changes the file system whose mount `mount` is the root of.
Result<> reconfigure_filesystem(const Fd& mount, const MountPlan& plan);

}  // namespace holdfast
