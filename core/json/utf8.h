// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace holdfast::json {

// The length of the well-formed sequence that `text` begins with (1 to 4), or 0.
size_t utf8_sequence(std::string_view text);
// The offset of the first byte that is not UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

}  // namespace holdfast::json
