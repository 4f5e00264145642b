// Sizes and durations as the engines write them.
//
//   parse_bytes("64m") == 67108864; parse_bytes("-1") == -1; parse_bytes("1.5g"): nullopt
//   parse_duration("1m30s") == 90000 (milliseconds); parse_duration("500ms") == 500
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast {

std::optional<int64_t> parse_bytes(std::string_view text);
std::optional<int64_t> parse_duration(std::string_view text);

}  // namespace holdfast
