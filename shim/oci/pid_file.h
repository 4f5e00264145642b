// Telling the engine which process it is.
#pragma once

#include <sys/types.h>

#include <string>

#include "core/base/fd.h"

namespace holdfast {

// Appears with its content (a rename): engines read it as soon as it exists.
Result<> write_pid_file(const std::string& path, pid_t pid);

// Sends the descriptor over the unix stream socket at `path`.
Result<> send_pidfd(const std::string& path, const Fd& pidfd);

}  // namespace holdfast
