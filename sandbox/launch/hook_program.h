// A hook's program, looked at by descriptor before it is run.
//
//   HF_TRY(HookProgram program, open_hook_program(hook));
//   execveat(program.fd.get(), "", …, AT_EMPTY_PATH)       // what was looked at, and nothing else
//
// Of a hook that is `trusted`: the file and every directory above it belong to root (or to whoever runs
// holdfast without root's power), and nobody else can write to them; a directory with the sticky bit may
// be open to others, since they cannot replace what is root's in it. Of one with a `sha256`: that is the
// content's.
#pragma once

#include <string>

#include "core/base/fd.h"
#include "core/oci/spec.h"

namespace holdfast {

struct HookProgram {
  Fd fd;
  std::string path;     // without links
  bool script = false;  // "#!": the interpreter opens it by path
};

Result<HookProgram> open_hook_program(const oci::Hook& hook);

// Whether there is anything to look at.
inline bool is_guarded(const oci::Hook& hook) { return hook.trusted || !hook.sha256.empty(); }

}  // namespace holdfast
