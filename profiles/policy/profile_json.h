// The JSON form of a Profile, member by member (packaging/schema/profile.schema.json says the same).
#pragma once

#include <algorithm>
#include <array>
#include <limits>

#include "core/json/codec.h"
#include "core/plan/capability_names.h"
#include "core/plan/describe_supervision.h"
#include "profiles/policy/profile.h"

namespace holdfast {

inline constexpr json::Name<Requirement> kRequirements[] = {
    {"require", Requirement::kRequire}, {"auto", Requirement::kAuto}, {"off", Requirement::kOff}};
constexpr std::span<const json::Name<Requirement>> json_names(Requirement) { return kRequirements; }

inline constexpr json::Name<Access> kAccesses[] = {
    {"deny", Access::kDeny}, {"warn", Access::kWarn}, {"allow", Access::kAllow}};
constexpr std::span<const json::Name<Access>> json_names(Access) { return kAccesses; }

inline constexpr json::Name<MountFlag> kMountFlagNames[] = {
    {"nosuid", MountFlag::kNosuid},
    {"nodev", MountFlag::kNodev},
    {"noexec", MountFlag::kNoexec},
    {"nosymfollow", MountFlag::kNosymfollow}};
constexpr std::span<const json::Name<MountFlag>> json_names(MountFlag) { return kMountFlagNames; }

// "NET_ADMIN", as Kubernetes writes them.
inline std::span<const json::Name<Capability>> json_names(Capability) {
  constexpr int kCount = 41;
  static const auto kTable = [] {
    std::array<json::Name<Capability>, kCount> table{};
    for (int number = 0; number < kCount; ++number)
      table[static_cast<size_t>(number)] = {capability_name(number).substr(4),
                                            static_cast<Capability>(number)};
    return table;
  }();
  return kTable;
}

template <class V>
void check_absolute(V& v, std::string_view name, const Paths& paths) {
  for (size_t i = 0; i < paths.size(); ++i)
    v.check(paths[i].starts_with('/') && (paths[i] + "/").find("/../") == std::string::npos, name,
            i, "expected an absolute path without \"..\"");
}
template <class V>
void check_absolute(V& v, std::string_view name, const std::optional<Paths>& paths) {
  if (paths) check_absolute(v, name, *paths);
}

template <class V>
void describe(V& v, HostNamespaces& n) {
  v.always("pid", n.pid);
  v.always("network", n.network);
  v.always("ipc", n.ipc);
  v.always("uts", n.uts);
  v.always("mount", n.mount);
}

template <class V>
void describe(V& v, CapabilityRules& c) {
  v.always("allow", c.allow);
  v.always("onRequest", c.on_request);
}

// In profile_json.cc: whether libseccomp's tables or ours know the call or set.
bool is_known_call(std::string_view name);

template <class V>
void describe(V& v, SeccompRules& s) {
  v.always("filter", s.filter);
  v.field("remove", s.remove);
  if constexpr (V::kDecodes)
    for (size_t i = 0; i < s.remove.size(); ++i)
      v.check(is_known_call(s.remove[i]), "remove", i,
              "no system call and no set is called " + json::quoted(s.remove[i], 64) +
                  "; `holdfastctl profile show baseline` names the sets");
}

template <class V>
void describe(V& v, LandlockRules& l) {
  v.always("mode", l.mode);
  v.field("writable", l.writable);
  v.field("executable", l.executable);
  v.field("bindTcp", l.bind_tcp);
  v.field("connectTcp", l.connect_tcp);
  check_absolute(v, "writable", l.writable);
  check_absolute(v, "executable", l.executable);
}

template <class V>
void describe(V& v, RootfsRules& r) {
  v.always("readOnly", r.read_only);
  v.field("writable", r.writable);
  check_absolute(v, "writable", r.writable);
}

inline int64_t amount_of(const Quantity& q) { return q.value; }
inline int64_t amount_of(const Cpus& c) { return c.milli; }

template <class V, class L>
void describe_limit(V& v, L& l) {
  const bool given = v.field("default", l.fallback);
  v.field("max", l.max);
  // An inherited default follows a max below it.
  if constexpr (V::kDecodes)
    if (!given && l.fallback && l.max && *l.fallback > *l.max) l.fallback = l.max;
  v.check(!l.fallback || !l.max || *l.fallback <= *l.max, "default", "above max");
}
template <class V>
void describe(V& v, Limit& l) {
  describe_limit(v, l);
}
template <class V>
void describe(V& v, CpuLimit& l) {
  describe_limit(v, l);
}

bool is_page_size(std::string_view name);

// To the kernel 0 means no limit at all here.
template <class V, class L>
void check_range(V& v, std::string_view name, const L& l, int64_t least, int64_t most,
                 std::string_view expected) {
  const auto fits = [&](const auto& value) {
    return !value || (amount_of(*value) >= least && amount_of(*value) <= most);
  };
  v.check(fits(l.fallback) && fits(l.max), name, expected);
}

template <class V>
void describe(V& v, Limits& l) {
  v.always("require", l.require);
  v.field("memory", l.memory);
  v.field("swap", l.swap);
  v.field("cpu", l.cpu);
  v.field("pids", l.pids);
  v.field("ioWeight", l.io_weight);
  v.field("tmpfs", l.tmpfs);
  v.field("hugepages", l.hugepages);
  if constexpr (V::kDecodes) {
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
    check_range(v, "memory", l.memory, 1, kMost, "expected more than 0");
    check_range(v, "cpu", l.cpu, 1, kMost, "expected more than 0");
    check_range(v, "pids", l.pids, 1, kMost, "expected more than 0");
    check_range(v, "ioWeight", l.io_weight, 10, 1000, "expected 10 to 1000");
    check_range(v, "tmpfs", l.tmpfs, 1, kMost, "expected more than 0");
    for (const auto& [size, limit] : l.hugepages)
      v.check(is_page_size(size), "hugepages",
              json::quoted(size, 32) + " is no page size such as 2MB or 1GB");
  }
}

template <class V>
void describe(V& v, DeviceRules& d) {
  v.field("allow", d.allow);
  v.always("others", d.others);
  v.always("wideRules", d.wide_rules);
  check_absolute(v, "allow", d.allow);
}

template <class V>
void describe(V& v, MountRules& m) {
  v.always("engineState", m.engine_state);
  v.always("layers", m.layers);
  v.always("system", m.system);
  v.always("shared", m.shared);
  v.field("deny", m.deny);
  v.field("forceBind", m.force_bind);
  v.field("forceTmpfs", m.force_tmpfs);
  v.field("forceKernel", m.force_kernel);
  check_absolute(v, "deny", m.deny);
}

template <class V>
void describe(V& v, HookRule& h) {
  v.required("path", h.path);
  v.field("sha256", h.sha256);
  v.check(h.path.starts_with('/'), "path", "expected an absolute path");
  v.check(h.sha256.empty() || (h.sha256.size() == 64 &&
                               h.sha256.find_first_not_of("0123456789abcdef") == std::string::npos),
          "sha256", "expected 64 digits of lower-case hex");
}

template <class V>
void describe(V& v, HookRules& h) {
  v.always("trusted", h.trusted);
  v.field("allow", h.allow);
  v.field("timeout", h.timeout);
  v.check(!h.timeout || h.timeout->value > 0, "timeout", "expected more than 0");
}

inline bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// A trailing "*" stands for any end.
inline bool is_path_pattern(std::string_view text) {
  return text.starts_with('/') && text.find('*') >= text.size() - 1 &&
         (std::string(text) + "/").find("/../") == std::string::npos;
}

template <class V>
void check_programs(V& v, const std::vector<ProgramRule>& programs) {
  for (size_t i = 0; i < programs.size(); ++i) {
    const ProgramRule& each = programs[i];
    v.check(!(each == ProgramRule{}), "programs", i,
            "expected one of image, path, sha256 and parent");
    v.check(each.sha256.empty() || is_sha256(each.sha256), "programs", i,
            "sha256: expected 64 digits of lower-case hex");
    for (const std::string* path : {&each.path, &each.parent})
      v.check(path->empty() || is_path_pattern(*path), "programs", i,
              "expected an absolute path without \"..\", \"*\" at its end only");
  }
}

template <class V>
void describe(V& v, ExecRules& e) {
  v.always("access", e.access);
  v.always("root", e.root);
  v.always("terminal", e.terminal);
  v.always("capabilities", e.capabilities);
  ProgramControl& c = e.control;
  v.field("programs", c.programs);
  v.field("drift", c.drift);
  v.field("otherwise", c.otherwise);
  v.always("libraries", c.libraries);
  v.always("require", c.require);
  if constexpr (V::kDecodes) {
    if (c.programs) check_programs(v, *c.programs);
  }
}

template <class V>
void describe(V& v, RespondRule& r) {
  v.required("at", r.at);
  v.required("do", r.action);
  v.field("for", r.release_after);
  const bool undone = r.action == Response::kFreeze || r.action == Response::kIsolate;
  v.check(!r.release_after || (r.release_after->value > 0 && undone), "for",
          "expected more than 0, and a response that can be undone");
}

inline constexpr json::Name<NetworkRecord> kNetworkRecords[] = {
    {"refused", NetworkRecord::kRefused}, {"all", NetworkRecord::kAll}};
constexpr std::span<const json::Name<NetworkRecord>> json_names(NetworkRecord) {
  return kNetworkRecords;
}

// In profile_json.cc: "" where it is empty or a network.
std::string network_mistake(std::string_view cidr);

template <class V>
void describe_peer(V& v, std::string_view name, std::string& peer, std::vector<Ports>& ports) {
  v.field(name, peer);
  const bool given = v.field("ports", ports);
  if constexpr (V::kDecodes) {
    const std::string mistake = network_mistake(peer);
    v.check(mistake.empty(), name, mistake);
    v.check(!given || !ports.empty(), "ports", "empty: leave it out for every port");
  }
}
template <class V>
void describe(V& v, EgressRule& r) {
  describe_peer(v, "to", r.to, r.ports);
}
template <class V>
void describe(V& v, IngressRule& r) {
  describe_peer(v, "from", r.from, r.ports);
}

template <class V>
void describe(V& v, NetworkControl& n) {
  v.field("egress", n.egress);
  v.field("ingress", n.ingress);
  if constexpr (V::kDecodes) {
    // Whoever writes the section means to hold the network: what goes round it is closed unless he says so.
    if (!v.field("rawSockets", n.raw_sockets)) n.raw_sockets = false;
  } else {
    v.always("rawSockets", n.raw_sockets);
  }
  v.always("record", n.record);
  v.field("onViolation", n.on_violation);
  v.always("require", n.require);
  if constexpr (V::kDecodes) {
    const size_t count = (n.egress ? flat_rules(*n.egress).size() : 0) +
                         (n.ingress ? flat_rules(*n.ingress).size() : 0);
    v.check(count <= kMostNetworkRules, "egress",
            fmt::format("{} rules, one for each network and range of ports: there is room for {}",
                        count, kMostNetworkRules));
  }
}

bool is_known_rlimit(std::string_view name);

template <class V>
void describe(V& v, Profile& p) {
  std::string api, description;
  if constexpr (V::kDecodes) {
    v.field("apiVersion", api);
    v.field("description", description);
    v.check(api.empty() || api == "holdfast/v1", "apiVersion",
            "unknown version " + json::quoted(api, 32) + " (known: holdfast/v1)");
  }
  v.required("name", p.name);
  v.field("extends", p.extends);
  v.always("privileged", p.privileged);
  v.field("hostNamespaces", p.host_namespaces);
  v.always("rootUser", p.root_user);
  v.field("capabilities", p.capabilities);
  v.always("noNewPrivileges", p.no_new_privileges);
  v.field("seccomp", p.seccomp);
  v.always("userNamespace", p.user_namespace);
  v.field("landlock", p.landlock);
  v.always("mdwe", p.mdwe);
  v.always("appArmor", p.app_armor);
  v.always("seLinux", p.se_linux);
  v.field("rootfs", p.rootfs);
  v.field("maskedPaths", p.masked_paths);
  v.field("readonlyPaths", p.readonly_paths);
  v.field("limits", p.limits);
  v.field("rlimits", p.rlimits);
  v.field("sysctl", p.sysctl);
  v.field("devices", p.devices);
  v.field("mounts", p.mounts);
  v.field("hooks", p.hooks);
  v.field("exec", p.exec);
  v.field("network", p.network);
  v.field("respond", p.respond);
  v.always("onSupervisorLoss", p.on_supervisor_loss);
  v.check(
      p.on_supervisor_loss == Response::kFreeze || p.on_supervisor_loss == Response::kKillContainer,
      "onSupervisorLoss", "expected freeze or killContainer");
  check_absolute(v, "maskedPaths", p.masked_paths);
  check_absolute(v, "readonlyPaths", p.readonly_paths);
  if constexpr (V::kDecodes) {
    for (const auto& [name, limit] : p.rlimits)
      v.check(is_known_rlimit(name), "rlimits",
              "no limit is called " + json::quoted(name, 64) + " (such as RLIMIT_NOFILE)");
    for (size_t i = 0; i < p.sysctl.size(); ++i)
      v.check(p.sysctl[i].find('*') >= p.sysctl[i].size() - 1, "sysctl", i,
              "\"*\" may stand at the end only");
  }
}

}  // namespace holdfast
