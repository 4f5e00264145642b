#include "profiles/policy/policy.h"

#include <algorithm>

#include "core/plan/capability_names.h"

namespace holdfast {
namespace {

// What can be loosened as a whole.
constexpr std::string_view kWhole[] = {
    "privileged",   "hostNamespaces", "rootUser",      "noNewPrivileges", "nestedContainers",
    "ioUring",      "seccomp",        "userNamespace", "landlock",        "mdwe",
    "appArmor",     "seLinux",        "rootfs",        "maskedPaths",     "deviceRules",
    "sharedMounts", "exec",           "execTerminal",  "execRoot",        "execControl",
    "network",
    "hooks",
};
constexpr std::string_view kNamespaces[] = {"pid", "network", "ipc", "uts", "mount"};
constexpr std::string_view kLimits[] = {"memory",   "swap",  "cpu",      "pids",
                                        "ioWeight", "tmpfs", "hugepages"};

template <size_t N>
bool is_one_of(std::string_view name, const std::string_view (&list)[N]) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

bool is_capability(std::string_view name) {
  const auto number = capability_number(name);
  return number && capability_name(*number).substr(4) == name;
}

}  // namespace

bool is_known_grant(std::string_view what) {
  if (is_one_of(what, kWhole)) return true;
  const size_t colon = what.find(':');
  if (colon == what.npos) return false;
  const std::string_view kind = what.substr(0, colon);
  const std::string_view detail = what.substr(colon + 1);
  if (kind == "capabilities" || kind == "execCapabilities") return is_capability(detail);
  if (kind == "hostNamespaces") return is_one_of(detail, kNamespaces);
  if (kind == "limits") return is_one_of(detail, kLimits);
  if (kind == "sysctl") return detail.find('.') != detail.npos;
  if (kind == "rlimits") return detail.starts_with("RLIMIT_");
  return (kind == "mounts" || kind == "devices" || kind == "hooks") && detail.starts_with('/');
}

std::string known_grants() {
  std::string text;
  for (const std::string_view name : kWhole) {
    text += name;
    text += ", ";
  }
  return text +
         "hostNamespaces:TYPE, capabilities:NAME, execCapabilities:NAME, limits:NAME, sysctl:NAME, "
         "rlimits:RLIMIT_NAME, mounts:/PATH, devices:/PATH, hooks:/PATH";
}

void deny(Profile& profile, std::string_view what) {
  if (what == "privileged") profile.privileged = Access::kDeny;
  if (what == "rootUser") profile.root_user = Access::kDeny;
  if (what == "hostNamespaces")
    profile.host_namespaces = {Access::kDeny, Access::kDeny, Access::kDeny, Access::kDeny,
                               Access::kDeny};
}

}  // namespace holdfast
