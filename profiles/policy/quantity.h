// Values with a unit in the files of a policy, each written as one JSON string or number.
//
//   Quantity q;  parse_scalar("512Mi", q) == "";  q.value == 536870912;  scalar_text(q) == "512Mi"
//   Seconds s;   parse_scalar("90s", s) == "";    s.value == 90
//   Date d;      parse_scalar("2027-06-30", d) == "";   d <= Date{2027, 7, 1}
//
// What is wrong comes back as text, "" where nothing is.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// An amount as Kubernetes writes it: a plain number, or one with k, M, G, T (powers of 1000), Ki, Mi, Gi,
// Ti (of 1024).
struct Quantity {
  int64_t value = 0;
  auto operator<=>(const Quantity&) const = default;
};
std::string parse_scalar(std::string_view text, Quantity& out);
std::string scalar_text(const Quantity& value);

// CPU time per time, in thousandths of a CPU: "1500m", "2", "0.5".
struct Cpus {
  int64_t milli = 0;
  auto operator<=>(const Cpus&) const = default;
};
std::string parse_scalar(std::string_view text, Cpus& out);
std::string scalar_text(const Cpus& value);

// A time span: "30s", "10m", "2h", or a number of seconds.
struct Seconds {
  int64_t value = 0;
  auto operator<=>(const Seconds&) const = default;
};
std::string parse_scalar(std::string_view text, Seconds& out);
std::string scalar_text(const Seconds& value);

// A day of the calendar, in UTC.
struct Date {
  int32_t year = 0, month = 0, day = 0;
  auto operator<=>(const Date&) const = default;
};
std::string parse_scalar(std::string_view text, Date& out);
std::string scalar_text(const Date& value);

// The day of a time in seconds since the epoch.
Date date_of(int64_t seconds);

}  // namespace holdfast
