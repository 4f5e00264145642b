// Text: formatting (fmt) and the strict parsing of numbers.
#pragma once

#include <fmt/core.h>

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// The whole of `text` as a number in T's range; no sign where T has none, no blanks, no "+".
//   parse_number<uint32_t>("17") == 17; parse_number<uint32_t>("17x") == nullopt
template <std::integral T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value, base);
  if (code != std::errc{} || stop != end || text.empty()) return std::nullopt;
  return value;
}

// split("a,b,,c", ',') == {"a", "b", "", "c"}; split("", ',') == {}
std::vector<std::string_view> split(std::string_view text, char separator);

// Joins with a separator: join({"a", "b"}, ", ") == "a, b"
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// Without blanks (space, tab, newline) at both ends.
std::string_view trim(std::string_view text);

// Lower-case hex of the bytes.
std::string hex(std::string_view bytes);

}  // namespace holdfast
