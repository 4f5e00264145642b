#include <algorithm>

#include "core/plan/mount_options.h"
#include "profiles/policy/context.h"
#include "profiles/policy/lattice.h"

namespace holdfast {
namespace {

struct DefaultDevice {
  std::string_view path;
  int64_t major, minor;
};
// config-linux.md#default-devices; /dev/console, /dev/ptmx and /dev/pts come from the terminal and devpts.
constexpr DefaultDevice kDevices[] = {{"/dev/null", 1, 3},    {"/dev/zero", 1, 5},
                                      {"/dev/full", 1, 7},    {"/dev/random", 1, 8},
                                      {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

bool mounts_host_dev(const oci::Spec& spec) {
  for (const oci::Mount& mount : spec.mounts) {
    if (clean_path(mount.destination) != "/dev") continue;
    if (mount.type == "bind") return true;
    for (const std::string& option : mount.options)
      if (option == "bind" || option == "rbind") return true;
  }
  return false;
}

bool is_default(const oci::Device& device) {
  for (const DefaultDevice& d : kDevices)
    if (device.major == d.major && device.minor == d.minor && device.type != "b") return true;
  return false;
}

// Those that any host has under these names, whether they are there or not.
constexpr DefaultDevice kWellKnown[] = {{"/dev/fuse", 10, 229}, {"/dev/net/tun", 10, 200}};

// The device that this path stands for on the host: a name alone could be any device's.
bool is_the_hosts(const ResolveContext& c, const oci::Device& device) {
  for (const DefaultDevice& known : kWellKnown)
    if (known.path == device.path)
      return device.type != "b" && device.major == known.major && device.minor == known.minor;
  const auto node = c.request.device_nodes.find(device.path);
  const std::string_view type = device.type == "u" ? "c" : std::string_view(device.type);
  return node != c.request.device_nodes.end() &&
         node->second ==
             fmt::format("{} {}:{}", type, device.major.value_or(-1), device.minor.value_or(-1));
}

bool is_allowed(const Paths& allowed, std::string_view path) {
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const std::string& pattern) { return pattern_covers(pattern, path); });
}

void judge_devices(ResolveContext& c) {
  size_t extra = 0;
  for (const oci::Device& device : c.spec.linux_.devices) {
    if (device.type == "p" || is_default(device)) continue;
    ++extra;
    if (c.privileged) continue;
    const DeviceRules& rules = c.judge.profile().devices;
    const bool known = is_the_hosts(c, device);
    c.judge.gate(known && is_allowed(rules.allow, device.path) ? Access::kAllow : rules.others,
                 known ? c.judge.exception("devices", device.path) : nullptr, RuleId::kDevices,
                 "devices", device.path, fmt::format("adds device {}", device.path),
                 "run as asked: what the device is able to do the container can do");
  }
  c.judge.kept("devices", fmt::format("{} beside the default ones", extra));
}

// Reads or writes every device of a type.
bool is_wide(const oci::DeviceRule& rule) {
  return rule.allow && rule.major.value_or(-1) < 0 &&
         rule.access.find_first_of("rw") != std::string::npos;
}

std::string rule_text(const oci::DeviceRule& rule) {
  const auto number = [](const std::optional<int64_t>& n) {
    return n.value_or(-1) < 0 ? std::string("*") : fmt::format("{}", *n);
  };
  return fmt::format("{} {}:{} {}", rule.type.empty() ? "a" : rule.type, number(rule.major),
                     number(rule.minor), rule.access);
}

void judge_rules(ResolveContext& c, const std::vector<oci::DeviceRule>& asked) {
  for (const oci::DeviceRule& rule : asked) {
    if (!is_wide(rule) || c.privileged) continue;
    c.judge.gate(c.judge.profile().devices.wide_rules, c.judge.exception("deviceRules"),
                 RuleId::kDeviceRules, "deviceRules", rule_text(rule),
                 fmt::format("may use every device ({})", rule_text(rule)),
                 "run as asked; without the node and CAP_MKNOD it reaches none");
  }
}

}  // namespace

Result<> resolve_devices(ResolveContext& c) {
  auto& nodes = c.plan.devices;
  if (mounts_host_dev(c.spec)) {
    if (!c.spec.linux_.devices.empty())
      c.judge.impossible("devices", fmt::format("{} nodes", c.spec.linux_.devices.size()),
                         "none made",
                         "/dev is a bind mount: a node made in it would be made on the host");
  } else {
    nodes = c.spec.linux_.devices;
    const auto named = [&](std::string_view path) {
      return std::any_of(nodes.begin(), nodes.end(),
                         [&](const oci::Device& d) { return clean_path(d.path) == path; });
    };
    for (const DefaultDevice& d : kDevices) {
      if (named(d.path)) continue;
      oci::Device device;
      device.path = d.path;
      device.type = "c";
      device.major = d.major;
      device.minor = d.minor;
      device.file_mode = 0666;
      device.uid = 0;
      device.gid = 0;
      nodes.push_back(std::move(device));
    }
  }
  judge_devices(c);

  // The rules as asked: beneath them everything is denied, and what every container needs is allowed
  // (sandbox/kernel/cgroup.h).
  if (c.spec.linux_.resources) judge_rules(c, c.spec.linux_.resources->devices);
  return {};
}

}  // namespace holdfast
