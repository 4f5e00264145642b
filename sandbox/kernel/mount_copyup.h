// The "tmpcopyup" option: a tmpfs that begins with what it covers.
#pragma once

#include "core/base/fd.h"

namespace holdfast {

// Copies all that is in the directory `from` (O_PATH will do) into the detached mount `to`:
// directories, files, links, device nodes and fifos with owner, mode, times and extended
// attributes. Descriptors only; no link is followed; sockets are left out.
Result<> copy_tree(const Fd& from, const Fd& to);

}  // namespace holdfast
