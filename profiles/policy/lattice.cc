#include "profiles/policy/lattice.h"

#include <algorithm>
#include <limits>

#include "profiles/policy/profile_json.h"

namespace holdfast {
namespace {

template <class T>
bool contains(const std::vector<T>& list, const T& each) {
  return std::find(list.begin(), list.end(), each) != list.end();
}

// Calls f with each member of both, by the way in which it can be tightened:
//   stricter   an enum or bool whose greater value is the tighter one
//   fewer      what is allowed: a set of bits
//   listed     what is allowed: a list (patterns: a trailing "*" covers)
//   optional   the same, absent meaning all
//   trees      the same of paths and what is beneath them
//   more       what is denied or forced: a list or a set of bits
//   ceiling    default and max of a limit
//   required   what is done: each rule of the one answered by one of the other
template <class P, class F>
void each_member(P& a, const Profile& b, F& f) {
  f.stricter("privileged", a.privileged, b.privileged);
  f.stricter("hostNamespaces.pid", a.host_namespaces.pid, b.host_namespaces.pid);
  f.stricter("hostNamespaces.network", a.host_namespaces.network, b.host_namespaces.network);
  f.stricter("hostNamespaces.ipc", a.host_namespaces.ipc, b.host_namespaces.ipc);
  f.stricter("hostNamespaces.uts", a.host_namespaces.uts, b.host_namespaces.uts);
  f.stricter("hostNamespaces.mount", a.host_namespaces.mount, b.host_namespaces.mount);
  f.stricter("rootUser", a.root_user, b.root_user);
  f.capabilities(a.capabilities, b.capabilities);
  f.stricter("noNewPrivileges", a.no_new_privileges, b.no_new_privileges);
  f.stricter("seccomp.filter", a.seccomp.filter, b.seccomp.filter);
  f.more("seccomp.remove", a.seccomp.remove, b.seccomp.remove);
  f.stricter("userNamespace", a.user_namespace, b.user_namespace);
  f.stricter("landlock.mode", a.landlock.mode, b.landlock.mode);
  f.trees("landlock.writable", a.landlock.writable, b.landlock.writable);
  f.trees("landlock.executable", a.landlock.executable, b.landlock.executable);
  f.optional("landlock.bindTcp", a.landlock.bind_tcp, b.landlock.bind_tcp);
  f.optional("landlock.connectTcp", a.landlock.connect_tcp, b.landlock.connect_tcp);
  f.stricter("mdwe", a.mdwe, b.mdwe);
  f.stricter("appArmor", a.app_armor, b.app_armor);
  f.stricter("seLinux", a.se_linux, b.se_linux);
  f.rootfs(a.rootfs, b.rootfs);
  f.more("maskedPaths", a.masked_paths, b.masked_paths);
  f.more("readonlyPaths", a.readonly_paths, b.readonly_paths);
  f.stricter("limits.require", a.limits.require, b.limits.require);
  f.ceiling("limits.memory", a.limits.memory, b.limits.memory);
  f.ceiling("limits.swap", a.limits.swap, b.limits.swap);
  f.ceiling("limits.cpu", a.limits.cpu, b.limits.cpu);
  f.ceiling("limits.pids", a.limits.pids, b.limits.pids);
  f.ceiling("limits.ioWeight", a.limits.io_weight, b.limits.io_weight);
  f.ceiling("limits.tmpfs", a.limits.tmpfs, b.limits.tmpfs);
  f.ceilings("limits.hugepages", a.limits.hugepages, b.limits.hugepages);
  f.ceilings("rlimits", a.rlimits, b.rlimits);
  f.listed("sysctl", a.sysctl, b.sysctl);
  f.devices(a.devices, b.devices);
  f.stricter("devices.wideRules", a.devices.wide_rules, b.devices.wide_rules);
  f.stricter("mounts.engineState", a.mounts.engine_state, b.mounts.engine_state);
  f.stricter("mounts.layers", a.mounts.layers, b.mounts.layers);
  f.stricter("mounts.system", a.mounts.system, b.mounts.system);
  f.stricter("mounts.shared", a.mounts.shared, b.mounts.shared);
  f.more("mounts.deny", a.mounts.deny, b.mounts.deny);
  f.more("mounts.forceBind", a.mounts.force_bind, b.mounts.force_bind);
  f.more("mounts.forceTmpfs", a.mounts.force_tmpfs, b.mounts.force_tmpfs);
  f.more("mounts.forceKernel", a.mounts.force_kernel, b.mounts.force_kernel);
  f.stricter("hooks.trusted", a.hooks.trusted, b.hooks.trusted);
  f.hooks(a.hooks.allow, b.hooks.allow);
  f.at_most("hooks.timeout", a.hooks.timeout, b.hooks.timeout);
  f.stricter("exec.access", a.exec.access, b.exec.access);
  f.stricter("exec.root", a.exec.root, b.exec.root);
  f.stricter("exec.terminal", a.exec.terminal, b.exec.terminal);
  f.fewer("exec.capabilities", a.exec.capabilities, b.exec.capabilities);
  f.network(a.network, b.network);
  f.programs(a.exec.control, b.exec.control);
  f.stricter("exec.drift", a.exec.control.drift, b.exec.control.drift);
  f.stricter("exec.libraries", a.exec.control.libraries, b.exec.control.libraries);
  f.stricter("exec.require", a.exec.control.require, b.exec.control.require);
  f.required("respond", a.respond, b.respond);
  f.stricter("onSupervisorLoss", a.on_supervisor_loss, b.on_supervisor_loss);
}

bool is_beneath(std::string_view directory, std::string_view path) {
  if (directory == "/" || directory == path) return true;
  return path.starts_with(directory) && path[directory.size()] == '/';
}

// Whether one element of a list that allows covers another one.
bool covers(uint16_t port, uint16_t other) { return port == other; }
bool covers(const HookRule& rule, const HookRule& other) {
  return rule.path == other.path && (rule.sha256.empty() || rule.sha256 == other.sha256);
}
bool covers(const std::string& pattern, const std::string& other) {
  return pattern_covers(pattern, other);
}

// An empty pattern does not matter.
bool covers_pattern(const std::string& pattern, const std::string& other) {
  return pattern.empty() || (!other.empty() && pattern_covers(pattern, other));
}
bool covers(const ProgramRule& rule, const ProgramRule& other) {
  return (!rule.image || other.image) && covers_pattern(rule.path, other.path) &&
         (rule.sha256.empty() || rule.sha256 == other.sha256) &&
         covers_pattern(rule.parent, other.parent);
}
Response otherwise(const ProgramControl& control) {
  return control.otherwise.value_or(Response::kDeny);
}

// Whether the first does at least what the second does.
bool answers(const RespondRule& rule, const RespondRule& other) {
  const auto lasts = [](const RespondRule& each) {
    return each.release_after ? each.release_after->value : std::numeric_limits<int64_t>::max();
  };
  return rule.at <= other.at && rule.action >= other.action && lasts(rule) >= lasts(other);
}

// A path and what is beneath it.
struct Tree {
  std::string path;
  bool operator==(const Tree&) const = default;
};
bool covers(const Tree& tree, const Tree& other) { return is_beneath(tree.path, other.path); }

template <class T>
bool covered(const std::vector<T>& list, const T& each) {
  return std::any_of(list.begin(), list.end(), [&](const T& one) { return covers(one, each); });
}

std::vector<Tree> trees(const Paths& paths) {
  std::vector<Tree> all;
  for (const std::string& path : paths) all.push_back({path});
  return all;
}
Paths paths_of(const std::vector<Tree>& trees) {
  Paths all;
  for (const Tree& tree : trees) all.push_back(tree.path);
  return all;
}

// Collects where the first allows more than the second.
struct Compare {
  std::vector<Loosening> found;

  template <class T>
  void add(std::string_view field, const T& asked, const T& allowed) {
    found.push_back({std::string(field), json::encode(allowed), json::encode(asked)});
  }
  template <class T>
  void stricter(std::string_view field, const T& a, const T& b) {
    if (a < b) add(field, a, b);
  }
  template <class E>
  void fewer(std::string_view field, const json::Set<E>& a, const json::Set<E>& b) {
    if (a.bits & ~b.bits) add(field, a, b);
  }
  template <class E>
  void more(std::string_view field, const json::Set<E>& a, const json::Set<E>& b) {
    if (b.bits & ~a.bits) add(field, a, b);
  }
  void more(std::string_view field, const std::vector<std::string>& a,
            const std::vector<std::string>& b) {
    for (const std::string& each : b)
      if (!contains(a, each)) return add(field, a, b);
  }
  template <class T>
  void listed(std::string_view field, const std::vector<T>& a, const std::vector<T>& b) {
    for (const T& each : a)
      if (!covered(b, each)) return add(field, a, b);
  }
  template <class T>
  void optional(std::string_view field, const std::optional<T>& a, const std::optional<T>& b) {
    if (!b) return;
    if (!a) return add(field, a, b);
    listed(field, *a, *b);
  }
  void trees(std::string_view field, const std::optional<Paths>& a, const std::optional<Paths>& b) {
    if (!b) return;
    if (!a) return add(field, a, b);
    const auto allowed = holdfast::trees(*b);
    for (const Tree& each : holdfast::trees(*a))
      if (!covered(allowed, each)) return add(field, a, b);
  }
  template <class T>
  void at_most(std::string_view field, const std::optional<T>& a, const std::optional<T>& b) {
    if (b && (!a || *a > *b)) add(field, a, b);
  }
  template <class L>
  void ceiling(std::string_view field, const L& a, const L& b) {
    at_most(std::string(field) + ".default", a.fallback, b.fallback);
    at_most(std::string(field) + ".max", a.max, b.max);
  }
  void ceilings(std::string_view field, const std::map<std::string, Limit>& a,
                const std::map<std::string, Limit>& b) {
    for (const auto& [name, limit] : b) {
      const auto mine = a.find(name);
      ceiling(fmt::format("{}.{}", field, name), mine == a.end() ? Limit{} : mine->second, limit);
    }
  }
  void capabilities(const CapabilityRules& a, const CapabilityRules& b) {
    fewer("capabilities.allow", a.allow, b.allow);
    fewer("capabilities.onRequest", a.on_request, {b.allow.bits | b.on_request.bits});
  }
  void rootfs(const RootfsRules& a, const RootfsRules& b) {
    stricter("rootfs.readOnly", a.read_only, b.read_only);
    if (b.read_only) trees("rootfs.writable", a.writable, b.writable);
  }
  // What stands in `allow` is given whatever `others` says: more of it is looser where others are not.
  void devices(const DeviceRules& a, const DeviceRules& b) {
    stricter("devices.others", a.others, b.others);
    if (b.others != Access::kAllow) listed("devices.allow", a.allow, b.allow);
  }
  void hooks(const std::optional<std::vector<HookRule>>& a,
             const std::optional<std::vector<HookRule>>& b) {
    optional("hooks.allow", a, b);
  }
  template <class Rule>
  void peers(std::string_view field, const std::optional<std::vector<Rule>>& a,
             const std::optional<std::vector<Rule>>& b) {
    if (b && (!a || first_beyond(flat_rules(*a), flat_rules(*b)))) add(field, a, b);
  }
  void network(const NetworkControl& a, const NetworkControl& b) {
    peers("network.egress", a.egress, b.egress);
    peers("network.ingress", a.ingress, b.ingress);
    if (a.raw_sockets && !b.raw_sockets) add("network.rawSockets", true, false);
    stricter("network.record", a.record, b.record);
    if (b.active()) stricter("network.onViolation", a.response(), b.response());
    stricter("network.require", a.require, b.require);
  }
  void programs(const ProgramControl& a, const ProgramControl& b) {
    optional("exec.programs", a.programs, b.programs);
    if (b.programs) stricter("exec.otherwise", otherwise(a), otherwise(b));
  }
  void required(std::string_view field, const std::vector<RespondRule>& a,
                const std::vector<RespondRule>& b) {
    for (const RespondRule& each : b)
      if (std::none_of(a.begin(), a.end(), [&](const auto& one) { return answers(one, each); }))
        return add(field, a, b);
  }
};

// What two rules both allow; nothing, maybe.
std::optional<std::string> narrower(const std::string& a, const std::string& b) {
  if (covers_pattern(a, b)) return b;
  if (covers_pattern(b, a)) return a;
  return std::nullopt;
}
std::optional<ProgramRule> both_of(const ProgramRule& a, const ProgramRule& b) {
  const auto path = narrower(a.path, b.path);
  const auto parent = narrower(a.parent, b.parent);
  if (!path || !parent) return std::nullopt;
  if (!a.sha256.empty() && !b.sha256.empty() && a.sha256 != b.sha256) return std::nullopt;
  return ProgramRule{.image = a.image || b.image,
                     .path = *path,
                     .sha256 = a.sha256.empty() ? b.sha256 : a.sha256,
                     .parent = *parent};
}
// Adds what nothing in the list covers, and drops what it covers itself.
template <class T, class Covers>
void add_widest(std::vector<T>& list, const T& each, Covers covers) {
  if (std::any_of(list.begin(), list.end(), [&](const T& one) { return covers(one, each); }))
    return;
  std::erase_if(list, [&](const T& one) { return covers(each, one); });
  list.push_back(each);
}

// Makes the first as tight as the second.
struct Meet {
  template <class T>
  void stricter(std::string_view, T& a, const T& b) {
    a = std::max(a, b);
  }
  template <class E>
  void fewer(std::string_view, json::Set<E>& a, const json::Set<E>& b) {
    a.bits &= b.bits;
  }
  template <class E>
  void more(std::string_view, json::Set<E>& a, const json::Set<E>& b) {
    a.bits |= b.bits;
  }
  void more(std::string_view, std::vector<std::string>& a, const std::vector<std::string>& b) {
    for (const std::string& each : b)
      if (!contains(a, each)) a.push_back(each);
  }
  // What both cover: of two that overlap the narrower one.
  template <class T>
  void listed(std::string_view, std::vector<T>& a, const std::vector<T>& b) {
    std::vector<T> both;
    for (const T& each : a)
      if (covered(b, each)) both.push_back(each);
    for (const T& each : b)
      if (covered(a, each) && !contains(both, each)) both.push_back(each);
    a = std::move(both);
  }
  template <class T>
  void optional(std::string_view field, std::optional<T>& a, const std::optional<T>& b) {
    if (a && b)
      listed(field, *a, *b);
    else if (b)
      a = b;
  }
  void trees(std::string_view, std::optional<Paths>& a, const std::optional<Paths>& b) {
    if (a && b)
      meet(*a, *b);
    else if (b)
      a = b;
  }
  void meet(Paths& a, const Paths& b) {
    auto both = holdfast::trees(a);
    listed({}, both, holdfast::trees(b));
    a = paths_of(both);
  }
  template <class T>
  void at_most(std::string_view, std::optional<T>& a, const std::optional<T>& b) {
    if (b && (!a || *b < *a)) a = b;
  }
  template <class L>
  void ceiling(std::string_view, L& a, const L& b) {
    at_most({}, a.fallback, b.fallback);
    at_most({}, a.max, b.max);
    if (a.max) at_most({}, a.fallback, a.fallback ? a.max : a.fallback);
  }
  void ceilings(std::string_view, std::map<std::string, Limit>& a,
                const std::map<std::string, Limit>& b) {
    for (const auto& [name, limit] : b) ceiling({}, a[name], limit);
  }
  // Given outright by both, or by the one on request what the other gives at all.
  void capabilities(CapabilityRules& a, const CapabilityRules& b) {
    const uint64_t given = (a.allow.bits | a.on_request.bits) & (b.allow.bits | b.on_request.bits);
    a.allow.bits &= b.allow.bits;
    a.on_request.bits = (a.on_request.bits | b.on_request.bits) & given;
  }
  void rootfs(RootfsRules& a, const RootfsRules& b) {
    if (a.read_only && b.read_only)
      meet(a.writable, b.writable);
    else if (b.read_only)
      a.writable = b.writable;
    a.read_only = a.read_only || b.read_only;
  }
  void devices(DeviceRules& a, const DeviceRules& b) {
    if (a.others != Access::kAllow && b.others != Access::kAllow)
      listed({}, a.allow, b.allow);
    else if (b.others != Access::kAllow)
      a.allow = b.allow;
    a.others = std::max(a.others, b.others);
  }
  void hooks(std::optional<std::vector<HookRule>>& a,
             const std::optional<std::vector<HookRule>>& b) {
    optional({}, a, b);
  }
  template <class Rule>
  void peers(std::optional<std::vector<Rule>>& a, const std::optional<std::vector<Rule>>& b) {
    if (a && b)
      a = meet_rules(*a, *b);
    else if (b)
      a = b;
  }
  void network(NetworkControl& a, const NetworkControl& b) {
    if (b.active())
      a.on_violation = a.active() ? std::max(a.response(), b.response()) : b.response();
    peers(a.egress, b.egress);
    peers(a.ingress, b.ingress);
    a.raw_sockets = a.raw_sockets && b.raw_sockets;
    stricter({}, a.record, b.record);
    stricter({}, a.require, b.require);
  }
  void programs(ProgramControl& a, const ProgramControl& b) {
    if (!b.programs) return;
    if (!a.programs) {
      a.programs = b.programs;
      a.otherwise = b.otherwise;
      return;
    }
    std::vector<ProgramRule> both;
    for (const ProgramRule& mine : *a.programs)
      for (const ProgramRule& other : *b.programs)
        if (const auto each = both_of(mine, other))
          add_widest(both, *each,
                     [](const ProgramRule& x, const ProgramRule& y) { return covers(x, y); });
    a.programs = std::move(both);
    a.otherwise = std::max(otherwise(a), otherwise(b));
  }
  void required(std::string_view, std::vector<RespondRule>& a, const std::vector<RespondRule>& b) {
    for (const RespondRule& each : b) add_widest(a, each, answers);
  }
};

}  // namespace

bool pattern_covers(std::string_view pattern, std::string_view text) {
  if (!pattern.ends_with('*')) return pattern == text;
  return text.starts_with(pattern.substr(0, pattern.size() - 1));
}

std::vector<Loosening> loosenings(const Profile& profile, const Profile& base) {
  Compare compare;
  each_member(profile, base, compare);
  return std::move(compare.found);
}

Profile tighten(const Profile& a, const Profile& b) {
  Profile both = a;
  Meet meet;
  each_member(both, b, meet);
  if (loosenings(b, a).empty())
    both.name = b.name;
  else if (!loosenings(a, b).empty())
    both.name = a.name + "+" + b.name;
  return both;
}

bool same_rules(const Profile& a, const Profile& b) {
  return loosenings(a, b).empty() && loosenings(b, a).empty();
}

}  // namespace holdfast
