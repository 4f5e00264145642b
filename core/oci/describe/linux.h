// config.json: linux, but for resources and seccomp (config-linux.md).
#pragma once

#include "core/oci/describe/common.h"
#include "core/oci/describe/resources.h"
#include "core/oci/describe/seccomp.h"

namespace holdfast::oci {

inline constexpr json::Name<NamespaceType> kNamespaceTypes[] = {
    {"cgroup", NamespaceType::kCgroup}, {"ipc", NamespaceType::kIpc},
    {"mount", NamespaceType::kMount},   {"network", NamespaceType::kNetwork},
    {"pid", NamespaceType::kPid},       {"time", NamespaceType::kTime},
    {"user", NamespaceType::kUser},     {"uts", NamespaceType::kUts}};
constexpr std::span<const json::Name<NamespaceType>> json_names(NamespaceType) {
  return kNamespaceTypes;
}

template <class V>
void describe(V& v, Namespace& n) {
  v.required("type", n.type);
  v.field("path", n.path);
  v.check(n.path.empty() || is_absolute(n.path), "path", "expected an absolute path");
}

template <class V>
void describe(V& v, TimeOffset& t) {
  v.field("secs", t.secs);
  v.field("nanosecs", t.nanosecs);
  v.check(t.nanosecs < 1000000000, "nanosecs", "expected integer in range 0 to 999999999");
}

template <class V>
void describe(V& v, TimeOffsets& t) {
  v.closed();  // the specification has a map here: another key is another clock
  v.field("monotonic", t.monotonic);
  v.field("boottime", t.boottime);
}

// mknod(2) takes 32 bits of device number in all; -1 is no device.
inline bool is_device_number(std::optional<int64_t> number) {
  return !number || (*number >= 0 && *number <= UINT32_MAX);
}

template <class V>
void describe(V& v, Device& d) {
  v.required("path", d.path);
  v.required("type", d.type);
  v.field("major", d.major);
  v.field("minor", d.minor);
  v.field("fileMode", d.file_mode);
  v.field("uid", d.uid);
  v.field("gid", d.gid);
  if constexpr (V::kDecodes) {
    v.check(is_absolute(d.path), "path", "expected an absolute path");
    v.check(one_of(d.type, {"b", "c", "p", "u"}), "type", "expected \"b\", \"c\", \"p\" or \"u\"");
    const bool numbered = d.type != "p";
    v.check(d.major || !numbered, "major", "missing");
    v.check(d.minor || !numbered, "minor", "missing");
    v.check(is_device_number(d.major), "major", "expected integer in range 0 to 4294967295");
    v.check(is_device_number(d.minor), "minor", "expected integer in range 0 to 4294967295");
  }
}

template <class V>
void describe(V& v, NetDevice& d) {
  v.field("name", d.name);
}

template <class V>
void describe(V& v, IntelRdt& r) {
  v.field("closID", r.clos_id);
  v.field("schemata", r.schemata);
  v.field("l3CacheSchema", r.l3_cache_schema);
  v.field("memBwSchema", r.mem_bw_schema);
  v.field("enableMonitoring", r.enable_monitoring);
}

template <class V>
void describe(V& v, Personality& p) {
  v.required("domain", p.domain);
  v.field("flags", p.flags);
  v.check(one_of(p.domain, {"LINUX", "LINUX32"}), "domain", "expected \"LINUX\" or \"LINUX32\"");
  check_known(v, "flags", p.flags, {});
}

inline constexpr std::string_view kMemoryPolicyModes[] = {
    "MPOL_BIND",      "MPOL_DEFAULT",        "MPOL_INTERLEAVE",         "MPOL_LOCAL",
    "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE"};
inline constexpr std::string_view kMemoryPolicyFlags[] = {
    "MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"};

template <class V>
void describe(V& v, MemoryPolicy& m) {
  v.required("mode", m.mode);
  v.field("nodes", m.nodes);
  v.field("flags", m.flags);
  if constexpr (V::kDecodes) {
    v.check(one_of(m.mode, kMemoryPolicyModes), "mode",
            "unknown value " + json::quoted(m.mode, 64));
    v.check(is_number_list(m.nodes), "nodes", "expected a list of nodes such as \"0-3,7\"");
    check_known(v, "flags", m.flags, kMemoryPolicyFlags);
  }
}

inline const Namespace* find(const Linux& l, NamespaceType type) {
  for (const auto& each : l.namespaces)
    if (each.type == type) return &each;
  return nullptr;
}

// The rules between namespaces and what needs them.
template <class V>
void check_namespaces(V& v, const Linux& l) {
  if (!v.intact("namespaces")) return;
  uint32_t seen = 0;
  for (size_t i = 0; i < l.namespaces.size(); ++i) {
    const uint32_t bit = 1u << static_cast<uint32_t>(l.namespaces[i].type);
    v.check(!(seen & bit), "namespaces", i, "listed twice");
    seen |= bit;
  }
  const Namespace* user = find(l, NamespaceType::kUser);
  const std::pair<std::string_view, bool> mappings[] = {{"uidMappings", l.uid_mappings.empty()},
                                                        {"gidMappings", l.gid_mappings.empty()}};
  for (const auto& [name, none] : mappings) {
    v.check(none || user, name, "needs a user namespace");
    v.check(!none || !user || !user->path.empty(), name, "missing for the new user namespace");
  }
  v.check(!l.time_offsets || find(l, NamespaceType::kTime), "timeOffsets",
          "needs a time namespace");
  const bool mounts = find(l, NamespaceType::kMount) != nullptr;
  v.check(l.masked_paths.empty() || mounts, "maskedPaths", "needs a mount namespace");
  v.check(l.readonly_paths.empty() || mounts, "readonlyPaths", "needs a mount namespace");
  v.check(l.net_devices.empty() || find(l, NamespaceType::kNetwork), "netDevices",
          "needs a network namespace");
}

inline bool is_propagation(std::string_view text) {
  return one_of(text, {"", "shared", "slave", "private", "unbindable", "rshared", "rslave",
                       "rprivate", "runbindable"});
}

template <class V>
void describe(V& v, Linux& l) {
  v.field("uidMappings", l.uid_mappings);
  v.field("gidMappings", l.gid_mappings);
  v.field("sysctl", l.sysctl);
  v.field("resources", l.resources);
  v.field("cgroupsPath", l.cgroups_path);
  v.field("namespaces", l.namespaces);
  v.field("devices", l.devices);
  v.field("netDevices", l.net_devices);
  v.field("seccomp", l.seccomp);
  v.field("rootfsPropagation", l.rootfs_propagation);
  v.field("maskedPaths", l.masked_paths);
  v.field("readonlyPaths", l.readonly_paths);
  v.field("mountLabel", l.mount_label);
  v.field("intelRdt", l.intel_rdt);
  v.field("memoryPolicy", l.memory_policy);
  v.field("personality", l.personality);
  v.field("timeOffsets", l.time_offsets);
  if constexpr (V::kDecodes) {
    v.check(is_propagation(l.rootfs_propagation), "rootfsPropagation",
            "unknown value " + json::quoted(l.rootfs_propagation, 64));
    check_absolute(v, "maskedPaths", l.masked_paths);
    check_absolute(v, "readonlyPaths", l.readonly_paths);
    check_namespaces(v, l);
  }
}

}  // namespace holdfast::oci
