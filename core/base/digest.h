// SHA-256 (libmd; the only place that includes it).
#pragma once

#include <string>
#include <string_view>

namespace holdfast {

// Lower-case hex, 64 characters.
std::string sha256_hex(std::string_view bytes);

}  // namespace holdfast
