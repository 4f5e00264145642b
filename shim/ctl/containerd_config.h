// holdfast in containerd's config.toml: a marked block at its end, and, as the default runtime, one
// marked line. A file of our own in `imports` would not do: containerd 1.x takes an imported plugin's
// section instead of the main file's, so that a node's CRI settings would be lost (docs/adr/0120).
//
//   HF_TRY(text, add_to_containerd(text, {.runtime = "/usr/bin/holdfast", .make_default = true}));
//   text = strip_from_containerd(text);        // as it was before
#pragma once

#include <string>

#include "core/base/result.h"

namespace holdfast::ctl {

struct ContainerdChange {
  std::string runtime;          // its path
  bool make_default = false;    // of the CRI
  bool systemd_cgroup = false;  // else as the runtime "runc" of this file has it
};

// Version 2 and 3 of the configuration. Errors begin with line and column where there is a place.
Result<std::string> add_to_containerd(const std::string& text, const ContainerdChange& change);
std::string strip_from_containerd(const std::string& text);

}  // namespace holdfast::ctl
