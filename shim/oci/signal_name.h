// Signals by name or number, strictly.
//
//   parse_signal("KILL") == parse_signal("SIGKILL") == parse_signal("9") == 9
//   parse_signal("SIGRTMIN+3") == 37;  parse_signal("9x"), parse_signal("65"): nullopt
#pragma once

#include <optional>
#include <string_view>

namespace holdfast {

// 0 ("is it there?") to 64.
std::optional<int> parse_signal(std::string_view text);

}  // namespace holdfast
