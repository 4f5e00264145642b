// Directories that keep what took time to make: root's only, or the user's own.
//
//   HF_TRY(const DirFd cache, open_cache("/run/holdfast/.apparmor"));
#pragma once

#include <sys/stat.h>

#include <string>

#include "core/base/fd.h"

namespace holdfast {

// The directory and its parent, 0700 where they are new; refused where others could have written to it.
Result<DirFd> open_cache(const std::string& root);

// The same, locked until it is closed. Whoever has the lock needs it for moments: after ten seconds this is
// an error.
Result<DirFd> open_locked(const std::string& root);

// Whether a file there is the caller's and nobody else may write to it.
bool only_ours(const struct stat& info);

}  // namespace holdfast
