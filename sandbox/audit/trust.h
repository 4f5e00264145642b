// Whether a file or directory may hold a log: ours, and writable by nobody else.
#pragma once

#include <string>

#include "core/base/fd.h"

namespace holdfast {

// An error names what is wrong and what would mend it.
Result<> check_log_directory(const Fd& directory, const std::string& path);
Result<> check_log_file(const Fd& file, const std::string& path);

}  // namespace holdfast
