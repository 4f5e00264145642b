#include "profiles/policy/policy.h"

#include <algorithm>

#include "core/json/codec.h"
#include "core/plan/capability_names.h"

namespace holdfast {
namespace {

// What can be loosened as a whole.
constexpr std::string_view kWhole[] = {
    "privileged",   "hostNamespaces", "rootUser",      "noNewPrivileges", "nestedContainers",
    "ioUring",      "seccomp",        "userNamespace", "landlock",        "mdwe",
    "appArmor",     "seLinux",        "rootfs",        "maskedPaths",     "deviceRules",
    "sharedMounts", "exec",           "execTerminal",  "execRoot",        "hooks",
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

inline constexpr json::Name<Mode> kPolicyModes[] = {{"enforce", Mode::kEnforce},
                                                    {"warn", Mode::kWarn},
                                                    {"audit", Mode::kAudit},
                                                    {"off", Mode::kOff}};
constexpr std::span<const json::Name<Mode>> json_names(Mode) { return kPolicyModes; }

struct Written {
  std::string profile = "baseline";
  Mode mode = Mode::kEnforce;
  std::vector<std::string> deny;
  std::vector<Grant> exceptions;
};

template <class V>
void describe(V& v, Grant& e) {
  v.required("name", e.what);
  v.check(e.what.empty() || is_known_grant(e.what), "name",
          fmt::format("no exception is called {}; there are {}", json::quoted(e.what, 64),
                      known_grants()));
  v.required("reason", e.reason);
  v.check(!trim(e.reason).empty(), "reason", "empty: say why, and where it was decided");
  if constexpr (V::kDecodes) e.exception = e.what;
}

template <class V>
void describe(V& v, Written& p) {
  v.always("profile", p.profile);
  v.check(shipped_profile(p.profile) != nullptr, "profile", "unknown profile");
  v.always("mode", p.mode);
  v.field("deny", p.deny);
  for (size_t i = 0; i < p.deny.size(); ++i)
    v.check(p.deny[i] == "privileged" || p.deny[i] == "hostNamespaces" || p.deny[i] == "rootUser",
            "deny", i, "cannot be denied; there are privileged, hostNamespaces, rootUser");
  v.field("exceptions", p.exceptions);
  for (size_t i = 0; i < p.exceptions.size(); ++i) {
    const std::string& name = p.exceptions[i].what;
    v.check(std::none_of(p.exceptions.begin(), p.exceptions.begin() + static_cast<ptrdiff_t>(i),
                         [&](const Grant& e) { return e.what == name; }),
            "exceptions", i, fmt::format("{} stands there twice", json::quoted(name, 64)));
    v.check(std::find(p.deny.begin(), p.deny.end(), name) == p.deny.end(), "exceptions", i,
            fmt::format("{} is denied and excepted", json::quoted(name, 64)));
  }
}

void deny(Profile& profile, std::string_view what) {
  if (what == "privileged") profile.privileged = Access::kDeny;
  if (what == "rootUser") profile.root_user = Access::kDeny;
  if (what == "hostNamespaces")
    profile.host_namespaces = {Access::kDeny, Access::kDeny, Access::kDeny, Access::kDeny,
                               Access::kDeny};
}

Result<Policy> decode_policy(std::string_view text, std::string_view source) {
  const json::Options options{
      .strict = true, .limits = {.bytes = 1 << 20, .depth = 8, .nodes = 1 << 16, .comments = true}};
  HF_TRY(Written written, json::decode<Written>(text, options));
  Policy policy;
  policy.profile = *shipped_profile(written.profile);
  for (const std::string& each : written.deny) deny(policy.profile, each);
  policy.mode = written.mode;
  policy.grants = std::move(written.exceptions);
  policy.source = source;
  return policy;
}

}  // namespace holdfast
