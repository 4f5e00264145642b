// A procfs that no container can have tampered with.
//
//   HF_TRY(DirFd procfs, private_procfs());
//   HF_TRY(Fd attr, procfs.open_resolved("self/attr/exec", O_WRONLY, Resolve{...NO_XDEV}));
//
// LSM attributes, sysctls and oom_score_adj are written through it: a mount over the container's
// /proc must not decide where they go (CVE-2019-16884, CVE-2019-19921, CVE-2025-52881).
#pragma once

#include "core/base/fd.h"

namespace holdfast {

// A new procfs of the caller's pid namespace, attached nowhere (fsopen, fsmount; O_PATH). Where the
// kernel refuses one, because a user namespace sees only a /proc with parts covered, it is a
// detached copy of /proc without what is mounted on it, and where that is refused too, /proc
// itself: in that case mounts may cover parts of it, so open beneath it with RESOLVE_NO_XDEV, as
// with kPlain. In all three cases the file system's magic and the root inode are checked.
Result<DirFd> private_procfs();

// Whether `fd` is the root directory of a real procfs.
Result<bool> is_procfs_root(const Fd& fd);

}  // namespace holdfast
