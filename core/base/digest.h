// SHA-256 (libmd; the only place that includes it).
#pragma once

#include <string>
#include <string_view>

#include "core/base/fd.h"

namespace holdfast {

// Lower-case hex, 64 characters.
std::string sha256_hex(std::string_view bytes);
// Of an open file's whole content, whatever its offset.
Result<std::string> sha256_file(const Fd& file);

}  // namespace holdfast
