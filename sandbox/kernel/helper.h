// The programs that come with holdfast.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace holdfast {

// Beside the running program (a build directory), else where packages put it. Never by PATH.
Result<std::string> helper_path(std::string_view name);

}  // namespace holdfast
