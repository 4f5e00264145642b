#include "shim/oci/signal_name.h"

#include <csignal>
#include <cstring>
#include <string>

#include "core/base/text.h"

namespace holdfast {
namespace {

// As kill(1) and glibc count them for programs: the first two real-time signals are the C library's.
constexpr int kRtMin = 34;
constexpr int kRtMax = 64;

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

// "RTMIN", "RTMIN+3", "RTMAX-2"
std::optional<int> real_time(std::string_view name) {
  const bool from_min = name.starts_with("RTMIN");
  if (!from_min && !name.starts_with("RTMAX")) return std::nullopt;
  name.remove_prefix(5);
  if (name.empty()) return from_min ? kRtMin : kRtMax;
  const char sign = name[0];
  const auto distance = parse_number<unsigned>(name.substr(1));
  if (!distance || *distance > kRtMax - kRtMin || sign != (from_min ? '+' : '-'))
    return std::nullopt;
  return from_min ? kRtMin + static_cast<int>(*distance) : kRtMax - static_cast<int>(*distance);
}

}  // namespace

std::optional<int> parse_signal(std::string_view text) {
  if (const auto number = parse_number<unsigned>(text))
    return *number <= kRtMax ? std::optional(static_cast<int>(*number)) : std::nullopt;
  std::string name = upper(text);
  if (name.starts_with("SIG")) name.erase(0, 3);
  if (name.empty()) return std::nullopt;
  if (name == "IOT") return SIGABRT;
  if (name == "CLD") return SIGCHLD;
  if (name == "POLL") return SIGIO;
  for (int number = 1; number < 32; ++number)
    if (const char* known = ::sigabbrev_np(number); known && name == known) return number;
  return real_time(name);
}

}  // namespace holdfast
