#include "core/base/clock.h"

#include <cstdint>

#include "core/base/text.h"

namespace holdfast {
namespace {

struct Date {
  int64_t year;
  unsigned month, day;
};

// Howard Hinnant's civil_from_days: the proleptic Gregorian date of a day count from 1970-01-01.
Date civil_from_days(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted = (5 * day_of_year + 2) / 153;
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {static_cast<int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * shifted + 2) / 5 + 1};
}

std::string to_seconds(timespec time) {
  int64_t days = time.tv_sec / 86400;
  int64_t rest = time.tv_sec % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  const Date date = civil_from_days(days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", date.year, date.month, date.day,
                     rest / 3600, rest / 60 % 60, rest % 60);
}

}  // namespace

timespec wall_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

std::string rfc3339(timespec time) { return to_seconds(time) + "Z"; }

std::string rfc3339_nano(timespec time) {
  std::string text = to_seconds(time);
  if (time.tv_nsec != 0) {
    text += fmt::format(".{:09}", time.tv_nsec);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

}  // namespace holdfast
