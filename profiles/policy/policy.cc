#include "profiles/policy/policy.h"

#include <algorithm>

#include "core/json/codec.h"
#include "core/plan/capability_names.h"

namespace holdfast {
namespace {

using json::quoted;

// Loosenings without a detail.
constexpr std::string_view kPlain[] = {"privileged",   "host-namespaces", "nested-containers",
                                       "io-uring",     "unmasked-paths",  "pids-limit",
                                       "device-rules", "new-privileges",  "shared-propagation"};
constexpr std::string_view kNamespaces[] = {"pid", "network", "ipc", "uts", "mount"};
constexpr std::string_view kDeniable[] = {"privileged", "host-namespaces", "root"};

template <size_t N>
bool is_one_of(std::string_view name, const std::string_view (&list)[N]) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

bool is_known_exception(std::string_view name) {
  if (is_one_of(name, kPlain)) return true;
  const size_t colon = name.find(':');
  if (colon == name.npos) return false;
  const std::string_view kind = name.substr(0, colon);
  const std::string_view detail = name.substr(colon + 1);
  if (kind == "capabilities") {
    const auto number = capability_number(detail);
    return number && capability_name(*number).substr(4) == detail;
  }
  if (kind == "host-namespaces") return is_one_of(detail, kNamespaces);
  if (kind == "sysctl") return detail.find('.') != detail.npos;
  if (kind == "mounts" || kind == "devices") return detail.starts_with('/');
  return false;
}

constexpr std::string_view kExceptionNames =
    "privileged, host-namespaces, host-namespaces:TYPE, nested-containers, io-uring, "
    "capabilities:NAME, sysctl:NAME, mounts:/PATH, devices:/PATH, device-rules, unmasked-paths, "
    "pids-limit, new-privileges, shared-propagation";

}  // namespace

inline constexpr json::Name<ProfileName> kProfiles[] = {{"baseline", ProfileName::kBaseline},
                                                        {"restricted", ProfileName::kRestricted}};
constexpr std::span<const json::Name<ProfileName>> json_names(ProfileName) { return kProfiles; }
inline constexpr json::Name<Mode> kPolicyModes[] = {
    {"enforce", Mode::kEnforce}, {"warn", Mode::kWarn}, {"off", Mode::kOff}};
constexpr std::span<const json::Name<Mode>> json_names(Mode) { return kPolicyModes; }

template <class V>
void describe(V& v, Exception& e) {
  v.required("name", e.name);
  v.check(
      e.name.empty() || is_known_exception(e.name), "name",
      fmt::format("no exception is called {}; there are {}", quoted(e.name, 64), kExceptionNames));
  v.required("reason", e.reason);
  v.check(!trim(e.reason).empty(), "reason", "empty: say why, and where it was decided");
}

template <class V>
void describe(V& v, Policy& p) {
  v.always("profile", p.profile);
  v.always("mode", p.mode);
  v.field("deny", p.deny);
  for (size_t i = 0; i < p.deny.size(); ++i)
    v.check(is_one_of(p.deny[i], kDeniable), "deny", i,
            fmt::format("{} cannot be denied; there are privileged, host-namespaces, root",
                        quoted(p.deny[i], 64)));
  v.field("exceptions", p.exceptions);
  for (size_t i = 0; i < p.exceptions.size(); ++i) {
    const std::string& name = p.exceptions[i].name;
    v.check(std::none_of(p.exceptions.begin(), p.exceptions.begin() + static_cast<ptrdiff_t>(i),
                         [&](const Exception& e) { return e.name == name; }),
            "exceptions", i, fmt::format("{} stands there twice", quoted(name, 64)));
    v.check(std::find(p.deny.begin(), p.deny.end(), name) == p.deny.end(), "exceptions", i,
            fmt::format("{} is denied and excepted", quoted(name, 64)));
  }
}

std::string_view profile_name(ProfileName profile) {
  return profile == ProfileName::kRestricted ? "restricted" : "baseline";
}

Result<Policy> decode_policy(std::string_view text, std::string_view source) {
  const json::Options options{
      .strict = true, .limits = {.bytes = 1 << 20, .depth = 8, .nodes = 1 << 16, .comments = true}};
  HF_TRY(Policy policy, json::decode<Policy>(text, options));
  policy.source = source;
  return policy;
}

}  // namespace holdfast
