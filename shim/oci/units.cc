#include "shim/oci/units.h"

#include "core/base/text.h"

namespace holdfast {
namespace {

// How many characters at the start of `text` are digits.
size_t digits(std::string_view text) {
  const size_t end = text.find_first_not_of("0123456789");
  return end == std::string_view::npos ? text.size() : end;
}

std::optional<int64_t> times(int64_t value, int64_t factor) {
  int64_t product = 0;
  if (__builtin_mul_overflow(value, factor, &product)) return std::nullopt;
  return product;
}

std::optional<int64_t> unit_milliseconds(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return 1000;
  if (unit == "m") return 60'000;
  if (unit == "h") return 3'600'000;
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> parse_bytes(std::string_view text) {
  if (text == "-1") return -1;
  const size_t length = digits(text);
  const auto value = parse_number<int64_t>(text.substr(0, length));
  if (!value) return std::nullopt;
  std::string_view unit = text.substr(length);
  if (unit.empty() || unit == "b" || unit == "B") return value;
  constexpr std::string_view kLower = "kmgtp";
  constexpr std::string_view kUpper = "KMGTP";
  size_t power = kLower.find(unit[0]);
  if (power == std::string_view::npos) power = kUpper.find(unit[0]);
  if (power == std::string_view::npos) return std::nullopt;
  unit.remove_prefix(1);
  if (!unit.empty() && unit != "b" && unit != "B" && unit != "iB" && unit != "ib")
    return std::nullopt;
  return times(*value, int64_t{1} << (10 * (power + 1)));
}

std::optional<int64_t> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  while (!text.empty()) {
    const size_t length = digits(text);
    const auto value = parse_number<int64_t>(text.substr(0, length));
    text.remove_prefix(length);
    const size_t unit_end = text.find_first_of("0123456789");
    const auto unit = unit_milliseconds(text.substr(0, unit_end));
    if (!value || !unit) return std::nullopt;
    const auto part = times(*value, *unit);
    if (!part || __builtin_add_overflow(total, *part, &total)) return std::nullopt;
    text.remove_prefix(unit_end == std::string_view::npos ? text.size() : unit_end);
  }
  return total;
}

}  // namespace holdfast
