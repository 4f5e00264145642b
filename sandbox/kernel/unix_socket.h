// Sockets of the engine's: a connection to a path, and a descriptor sent over it.
//
//   HF_TRY(Fd socket, connect_unix("/run/engine/console.sock"));
//   HF_DO(send_descriptor(socket, master, "/dev/ptmx"));
#pragma once

#include <string>
#include <string_view>

#include "core/base/fd.h"

namespace holdfast {

// A stream connection. Paths longer than sun_path (107 bytes) work.
Result<Fd> connect_unix(const std::string& path);

// `data` (not empty) with the descriptor attached to its first byte (SCM_RIGHTS).
Result<> send_descriptor(const Fd& socket, const Fd& descriptor, std::string_view data);

}  // namespace holdfast
