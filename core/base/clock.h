// Wall-clock time in words.
//
//   rfc3339({1763753266, 0}) == "2025-11-21T19:27:46Z"
//   rfc3339_nano({0, 5000}) == "1970-01-01T00:00:00.000005Z"
//
// UTC only and without libc's time zone machinery, which reads files at its first use.
#pragma once

#include <ctime>
#include <string>

namespace holdfast {

timespec wall_clock();
// Whole seconds.
std::string rfc3339(timespec time);
// With the fraction, trailing zeros left out, as Go writes RFC3339Nano.
std::string rfc3339_nano(timespec time);

}  // namespace holdfast
