// What a path that a mount binds leads to.
#pragma once

#include <optional>
#include <string>

#include "profiles/policy/resolve.h"

namespace holdfast {

// One look at the path, by a descriptor: names and identity are of one and the same file, whatever becomes
// of the path meanwhile. Nothing: it does not exist, or may not be looked at.
std::optional<MountSource> look_at_source(const std::string& path);

}  // namespace holdfast
