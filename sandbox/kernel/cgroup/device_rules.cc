#include "sandbox/kernel/cgroup/device_rules.h"

#include <algorithm>

namespace holdfast::cgroup {
namespace {

// What every container may use, whatever its rules: runc's list.
constexpr DeviceException kDefaults[] = {
    {'c', -1, -1, kMknod},
    {'b', -1, -1, kMknod},  // making a node is not using it
    {'c', 1, 3, kAllAccess},
    {'c', 1, 5, kAllAccess},  // null, zero
    {'c', 1, 7, kAllAccess},
    {'c', 1, 8, kAllAccess},  // full, random
    {'c', 1, 9, kAllAccess},
    {'c', 5, 0, kAllAccess},  // urandom, tty
    {'c', 5, 2, kAllAccess},
    {'c', 136, -1, kAllAccess}  // ptmx, pseudo-terminals (the console is one)
};

bool same_device(const DeviceException& a, const DeviceException& b) {
  return a.type == b.type && a.major == b.major && a.minor == b.minor;
}

DeviceException* find(DeviceSet& set, const DeviceException& key) {
  for (auto& each : set.exceptions)
    if (same_device(each, key)) return &each;
  return nullptr;
}

Result<> take_back(DeviceSet& set, const DeviceException& rule) {
  for (const auto& [major, minor] : {std::pair{int64_t{-1}, rule.minor},
                                     {rule.major, int64_t{-1}},
                                     {int64_t{-1}, int64_t{-1}}}) {
    const DeviceException wider{rule.type, major, minor, 0};
    if (same_device(wider, rule)) continue;
    if (const auto* there = find(set, wider); there && (there->access & rule.access))
      return error("rule {} takes a part out of rule {}, which the kernel cannot do", to_line(rule),
                   to_line(*there));
  }
  if (auto* there = find(set, rule)) there->access &= static_cast<uint8_t>(~rule.access);
  std::erase_if(set.exceptions, [](const DeviceException& each) { return each.access == 0; });
  return {};
}

Result<> apply(DeviceSet& set, bool allow, const DeviceException& rule) {
  if (allow == set.allow) return take_back(set, rule);
  if (auto* there = find(set, rule))
    there->access |= rule.access;
  else
    set.exceptions.push_back(rule);
  return {};
}

Result<uint8_t> parse_access(std::string_view text) {
  if (text.empty()) return kAllAccess;
  uint8_t access = 0;
  for (const char letter : text) {
    if (letter == 'r')
      access |= kRead;
    else if (letter == 'w')
      access |= kWrite;
    else if (letter == 'm')
      access |= kMknod;
    else
      return error("access \"{}\" is not made of r, w and m", text);
  }
  return access;
}

Result<int64_t> parse_number_of(const std::optional<int64_t>& number) {
  // Wider than any device number, and what fits a comparison in BPF.
  if (!number || *number == -1) return -1;
  if (*number < 0 || *number > INT32_MAX) return error("device number {} is out of range", *number);
  return *number;
}

Result<> take(DeviceSet& set, const oci::DeviceRule& rule) {
  HF_TRY(const uint8_t access, parse_access(rule.access));
  HF_TRY(const int64_t major, parse_number_of(rule.major));
  HF_TRY(const int64_t minor, parse_number_of(rule.minor));
  if (rule.type == "c" || rule.type == "b")
    return apply(set, rule.allow, {rule.type[0], major, minor, access});
  if (rule.type != "a" && !rule.type.empty())
    return error("type \"{}\" is not a, b or c", rule.type);
  const bool limited = major != -1 || minor != -1 || access != kAllAccess;
  if (!rule.allow || !limited) {
    set = {rule.allow, {}};
    return {};
  }
  HF_DO(apply(set, true, {'b', major, minor, access}));
  return apply(set, true, {'c', major, minor, access});
}

bool matches(const DeviceException& each, char type, int64_t major, int64_t minor) {
  return each.type == type && (each.major == -1 || each.major == major) &&
         (each.minor == -1 || each.minor == minor);
}

}  // namespace

Result<DeviceSet> device_set(const std::vector<oci::DeviceRule>& rules) {
  DeviceSet set;
  size_t index = 0;
  for (const oci::DeviceRule& each : rules)
    HF_DO(with_context(take(set, each), "linux.resources.devices[{}]", index++));
  for (const DeviceException& each : kDefaults)
    HF_DO(with_context(apply(set, true, each), "linux.resources.devices: default devices"));
  return set;
}

Result<DeviceSet> parse_list(std::string_view text) {
  DeviceSet set;
  for (const std::string_view line : split(text, '\n')) {
    const auto parts = split(line, ' ');
    if (parts.empty()) continue;
    if (parts[0] == "a") return DeviceSet{true, {}};
    const auto numbers = parts.size() == 3 ? split(parts[1], ':') : std::vector<std::string_view>{};
    if (numbers.size() != 2) return error("devices.list: unexpected line \"{}\"", line);
    DeviceException each;
    each.type = parts[0][0];
    each.major = numbers[0] == "*" ? -1 : parse_number<int64_t>(numbers[0]).value_or(-2);
    each.minor = numbers[1] == "*" ? -1 : parse_number<int64_t>(numbers[1]).value_or(-2);
    HF_TRY(each.access, parse_access(parts[2]));
    set.exceptions.push_back(each);
  }
  return set;
}

bool permits(const DeviceSet& set, char type, int64_t major, int64_t minor, uint8_t access) {
  for (const DeviceException& each : set.exceptions) {
    if (!matches(each, type, major, minor)) continue;
    // An allowing exception must cover the whole request, a denying one forbids it if it touches
    // it.
    if (set.allow ? (access & each.access) != 0 : (access & ~each.access) == 0) return !set.allow;
  }
  return set.allow;
}

std::string to_line(const DeviceException& exception) {
  const auto number = [](int64_t value) {
    return value == -1 ? std::string("*") : fmt::format("{}", value);
  };
  std::string access;
  if (exception.access & kRead) access += 'r';
  if (exception.access & kWrite) access += 'w';
  if (exception.access & kMknod) access += 'm';
  return fmt::format("{} {}:{} {}", exception.type, number(exception.major),
                     number(exception.minor), access);
}

}  // namespace holdfast::cgroup
