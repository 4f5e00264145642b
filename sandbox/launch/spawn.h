// Executes this binary again as "holdfast-init", from a mount that nobody can write through.
//
//   HF_TRY(pid_t pid, spawn_init(boot_fd, {channel, fifo}, preserve_fds));
//
// CVE-2019-5736: a container that opens /proc/PID/exe of the runtime's process inside it must not
// be able to write to the runtime's binary. The process that enters a container therefore runs from
// a read-only, detached clone of the mount that holds the binary; where we may not make one (no
// CAP_SYS_ADMIN over our mount namespace) from a sealed memfd copy.
#pragma once

#include <sys/types.h>

#include <span>

#include "core/base/fd.h"

namespace holdfast {

// `boot` becomes the argument of the new process; `keep` and 3..3+preserve_fds-1 stay open in it,
// at their numbers, and nothing else above standard error does. Its environment is empty.
Result<pid_t> spawn_init(const Fd& boot, std::span<const int> keep, uint32_t preserve_fds);

}  // namespace holdfast
