#include "profiles/policy/quantity.h"

#include <limits>

#include "core/base/text.h"
#include "core/json/writer.h"

namespace holdfast {
namespace {

struct Unit {
  std::string_view suffix;
  int64_t factor;
};
constexpr Unit kUnits[] = {{"Ti", int64_t{1} << 40},
                           {"Gi", int64_t{1} << 30},
                           {"Mi", int64_t{1} << 20},
                           {"Ki", int64_t{1} << 10},
                           {"T", 1000000000000},
                           {"G", 1000000000},
                           {"M", 1000000},
                           {"k", 1000},
                           {"", 1}};

// A number and its unit; the first unit whose suffix fits counts.
template <size_t N>
bool parse_united(std::string_view text, const Unit (&units)[N], int64_t& out) {
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.suffix)) continue;
    const auto number = parse_number<int64_t>(text.substr(0, text.size() - unit.suffix.size()));
    if (!number || *number < 0 || *number > std::numeric_limits<int64_t>::max() / unit.factor)
      return false;
    out = *number * unit.factor;
    return true;
  }
  return false;
}

std::string unlike(std::string_view what, std::string_view text) {
  return fmt::format("expected {}, found {}", what, json::quoted(text, 32));
}

constexpr bool is_leap(int32_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

constexpr int32_t days_in(int32_t year, int32_t month) {
  constexpr int32_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

}  // namespace

std::string parse_scalar(std::string_view text, Quantity& out) {
  if (parse_united(text, kUnits, out.value)) return "";
  return unlike("an amount such as 512Mi or 4096", text);
}

std::string scalar_text(const Quantity& value) {
  for (const Unit& unit : kUnits)
    if (unit.suffix.ends_with('i') && value.value != 0 && value.value % unit.factor == 0)
      return fmt::format("{}{}", value.value / unit.factor, unit.suffix);
  return fmt::format("{}", value.value);
}

std::string parse_scalar(std::string_view text, Cpus& out) {
  static constexpr Unit kMilli[] = {{"m", 1}, {"", 1000}};
  if (parse_united(text, kMilli, out.milli)) return "";
  const size_t point = text.find('.');
  if (point != text.npos && text.size() - point - 1 <= 3 && text.size() - point > 1) {
    const auto whole = parse_number<uint32_t>(text.substr(0, point));
    auto fraction = parse_number<uint32_t>(text.substr(point + 1));
    if (whole && fraction) {
      for (size_t digits = text.size() - point - 1; digits < 3; ++digits) *fraction *= 10;
      out.milli = int64_t{*whole} * 1000 + *fraction;
      return "";
    }
  }
  return unlike("a number of CPUs such as 1500m, 2 or 0.5", text);
}

std::string scalar_text(const Cpus& value) {
  if (value.milli % 1000 == 0) return fmt::format("{}", value.milli / 1000);
  return fmt::format("{}m", value.milli);
}

std::string parse_scalar(std::string_view text, Seconds& out) {
  static constexpr Unit kSpans[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"", 1}};
  if (parse_united(text, kSpans, out.value)) return "";
  return unlike("a time span such as 30s, 10m or 2h", text);
}

std::string scalar_text(const Seconds& value) { return fmt::format("{}s", value.value); }

std::string parse_scalar(std::string_view text, Date& out) {
  const auto parts = split(text, '-');
  if (parts.size() == 3 && parts[0].size() == 4 && parts[1].size() == 2 && parts[2].size() == 2) {
    const auto year = parse_number<uint16_t>(parts[0]);
    const auto month = parse_number<uint16_t>(parts[1]);
    const auto day = parse_number<uint16_t>(parts[2]);
    if (year && month && day && *month >= 1 && *month <= 12 && *day >= 1 &&
        *day <= days_in(*year, *month)) {
      out = {*year, *month, *day};
      return "";
    }
  }
  return unlike("a day as YYYY-MM-DD", text);
}

std::string scalar_text(const Date& value) {
  return fmt::format("{:04}-{:02}-{:02}", value.year, value.month, value.day);
}

Date date_of(int64_t seconds) {
  // Howard Hinnant's civil_from_days, for days since 1970.
  const int64_t days = (seconds >= 0 ? seconds : seconds - 86399) / 86400 + 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t of_era = days - era * 146097;
  const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const int64_t shifted = (5 * of_year + 2) / 153;
  const auto day = static_cast<int32_t>(of_year - (153 * shifted + 2) / 5 + 1);
  const auto month = static_cast<int32_t>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {static_cast<int32_t>(year + era * 400 + (month <= 2 ? 1 : 0)), month, day};
}

}  // namespace holdfast
