// The device rules onto the cgroups: the v1 controller where it is mounted, else BPF on version 2.
#include <unistd.h>

#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/device_rules.h"
#include "sandbox/kernel/cgroup/place.h"
#include "sandbox/kernel/cgroup/resources.h"

namespace holdfast::cgroup {
namespace {

bool covers(const DeviceSet& set, const DeviceException& wanted) {
  for (const DeviceException& each : set.exceptions)
    if (each.type == wanted.type && each.major == wanted.major && each.minor == wanted.minor &&
        (wanted.access & ~each.access) == 0)
      return true;
  return false;
}

// One write per rule through one descriptor: a container has a dozen of them.
Result<> write_lines(const std::string& directory, const char* file,
                     const std::vector<std::string>& lines) {
  if (lines.empty()) return {};
  const std::string path = fmt::format("{}/{}", directory, file);
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return os_error("open {}", path);
  for (const std::string& each : lines)
    if (::write(fd.get(), each.data(), each.size()) != std::ssize(each))
      return os_error("write {}: {}", path, each);
  return {};
}

Result<> apply_v1(const std::string& directory, const DeviceSet& wanted) {
  HF_TRY(const auto text, read_control(directory, "devices.list"));
  HF_TRY(const DeviceSet now, parse_list(text.value_or("a *:* rwm")));
  const char* const widen = wanted.allow ? "devices.deny" : "devices.allow";
  const char* const narrow = wanted.allow ? "devices.allow" : "devices.deny";
  std::vector<std::string> lines;
  if (now.allow || wanted.allow) {
    // From or to "all allowed" the list starts anew. "a" for what is so already would be refused in
    // a nested cgroup.
    if (!now.allow || !wanted.allow || !wanted.exceptions.empty())
      HF_DO(write_lines(directory, narrow, {"a"}));
    for (const DeviceException& each : wanted.exceptions) lines.push_back(to_line(each));
    return write_lines(directory, widen, lines);
  }
  // An update changes what differs, so that no device is out of reach in between.
  for (const DeviceException& each : wanted.exceptions)
    if (!covers(now, each)) lines.push_back(to_line(each));
  HF_DO(write_lines(directory, widen, lines));
  lines.clear();
  for (DeviceException each : now.exceptions) {
    for (const DeviceException& kept : wanted.exceptions)
      if (kept.type == each.type && kept.major == each.major && kept.minor == each.minor)
        each.access &= static_cast<uint8_t>(~kept.access);
    if (each.access) lines.push_back(to_line(each));
  }
  return write_lines(directory, narrow, lines);
}

}  // namespace

Result<> apply_devices(const CgroupRecord& record, const std::vector<oci::DeviceRule>& rules) {
  // In a user namespace neither the controller nor bpf(2) is ours, and mknod is not either.
  if (record.rootless || record.directories.empty()) return {};
  HF_TRY(const DeviceSet set, device_set(rules));
  if (const auto* v1 = find_controller(record, "devices"))
    return with_context(apply_v1(v1->directory, set), "linux.resources.devices");
  if (const auto* v2 = find_v2(record))
    return with_context(attach_device_program(v2->directory, set), "linux.resources.devices");
  return error("linux.resources.devices: the host has no devices controller");
}

}  // namespace holdfast::cgroup

namespace holdfast {

Result<std::string> compare_devices(const CgroupRecord& record,
                                    const std::vector<oci::DeviceRule>& rules, bool thorough) {
  const auto* v2 = cgroup::find_v2(record);
  if (record.rootless || !v2 || cgroup::find_controller(record, "devices")) return std::string();
  HF_TRY(const cgroup::DeviceSet set, cgroup::device_set(rules));
  return cgroup::compare_device_program(v2->directory, set, thorough);
}

}  // namespace holdfast
