// Files of a procfs that nobody can have mounted over: openat2 without links and mount crossings,
// and the file system's magic checked on the very descriptor that is used (CVE-2019-16884,
// CVE-2025-52881).
//
//   HF_TRY(Fd attribute, open_proc(procfs, own_proc_path("attr/exec"), O_RDWR));
#pragma once

#include <string>
#include <string_view>

#include "core/base/fd.h"

namespace holdfast {

Result<Fd> open_proc(const DirFd& procfs, const std::string& path, int flags);

// Opens, reads (at most `limit` bytes), closes.
Result<std::string> read_proc(const DirFd& procfs, const std::string& path, size_t limit = 1 << 20);

// "<pid>/name" of the caller. /proc/self is a link, which open_proc does not follow.
std::string own_proc_path(std::string_view name);

// The host's /proc, refused unless it is a procfs and its root.
Result<DirFd> host_procfs();

}  // namespace holdfast
