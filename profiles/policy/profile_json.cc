#include "profiles/policy/profile_json.h"

#include "core/oci/describe/process.h"
#include "core/plan/cidr.h"
#include "profiles/seccomp/library.h"
#include "profiles/seccomp/newer_calls.h"
#include "profiles/seccomp/profile.h"
#include "profiles/seccomp/sets.h"

namespace holdfast {

bool is_known_call(std::string_view name) {
  if (name.starts_with('@')) return !syscall_set(name).empty() || name == kPersonalitySet;
  return newer_call(name) || seccomp::call_number(std::string(name));
}

bool is_known_rlimit(std::string_view name) {
  const auto& names = oci::kRlimits;
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string network_mistake(std::string_view cidr) {
  if (cidr.empty() || parse_cidr(cidr)) return {};
  return json::quoted(cidr, 64) +
         " is no network: expected 10.0.0.0/8, fd00::/8 or an address, without bits behind its "
         "length";
}

bool is_page_size(std::string_view name) {
  const size_t digits = name.find_first_not_of("0123456789");
  if (digits == 0 || digits == name.npos || name[0] == '0') return false;
  const std::string_view unit = name.substr(digits);
  return unit == "KB" || unit == "MB" || unit == "GB";
}

}  // namespace holdfast
