// The keeper's and the supervisor's own confinement: docs/adr/0200-supervision.md.
#pragma once

#include "core/base/fd.h"

namespace holdfast {

// An empty root that cannot be written to, the three capabilities that looking at and killing the container's
// processes needs, no_new_privs, and a filter of the system calls that are left: no execve, no new sockets,
// no ptrace, no mounts; files are opened through descriptors that are held, for reading only in `procfs`.
// Irrevocable, inherited by what is forked.
Result<> confine(const DirFd& procfs);

}  // namespace holdfast
