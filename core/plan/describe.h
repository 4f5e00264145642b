// The JSON form of the Plan, member by member.
#pragma once

#include "core/oci/describe/spec.h"
#include "core/plan/capability_names.h"
#include "core/plan/describe_supervision.h"
#include "core/plan/plan.h"

namespace holdfast {

inline constexpr json::Name<Outcome> kOutcomes[] = {{"kept", Outcome::kKept},
                                                    {"tightened", Outcome::kTightened},
                                                    {"refused", Outcome::kRefused},
                                                    {"not possible", Outcome::kNotPossible},
                                                    {"warned", Outcome::kWarned}};
constexpr std::span<const json::Name<Outcome>> json_names(Outcome) { return kOutcomes; }

inline constexpr json::Name<FilterOrigin> kFilterOrigins[] = {{"engine", FilterOrigin::kEngine},
                                                              {"profile", FilterOrigin::kProfile}};
constexpr std::span<const json::Name<FilterOrigin>> json_names(FilterOrigin) {
  return kFilterOrigins;
}

inline constexpr json::Name<CgroupDriver> kCgroupDrivers[] = {
    {"cgroupfs", CgroupDriver::kCgroupfs},
    {"systemd", CgroupDriver::kSystemd},
    {"disabled", CgroupDriver::kDisabled}};
constexpr std::span<const json::Name<CgroupDriver>> json_names(CgroupDriver) {
  return kCgroupDrivers;
}

// LANDLOCK_ACCESS_FS_* of linux/landlock.h, whose numbers are the bits' (ABI 5).
struct BitName {
  std::string_view name;
  uint64_t bit;
};
inline constexpr BitName kLandlockAccess[] = {
    {"execute", 1 << 0},   {"writeFile", 1 << 1},  {"readFile", 1 << 2},  {"readDir", 1 << 3},
    {"removeDir", 1 << 4}, {"removeFile", 1 << 5}, {"makeChar", 1 << 6},  {"makeDir", 1 << 7},
    {"makeReg", 1 << 8},   {"makeSock", 1 << 9},   {"makeFifo", 1 << 10}, {"makeBlock", 1 << 11},
    {"makeSym", 1 << 12},  {"refer", 1 << 13},     {"truncate", 1 << 14}, {"ioctlDev", 1 << 15}};

inline constexpr json::Name<Mode> kModes[] = {{"enforce", Mode::kEnforce},
                                              {"warn", Mode::kWarn},
                                              {"audit", Mode::kAudit},
                                              {"off", Mode::kOff}};
constexpr std::span<const json::Name<Mode>> json_names(Mode) { return kModes; }

template <class V>
void describe(V& v, Decision& d) {
  v.required("control", d.control);
  v.field("asked", d.asked);
  v.field("applied", d.applied);
  v.required("outcome", d.outcome);
  v.field("rule", d.rule);
  v.field("why", d.why);
}

// A set of capabilities is written as its names.
template <class V>
void describe_set(V& v, std::string_view name, uint64_t& set) {
  oci::Strings names;
  if constexpr (!V::kDecodes) names = capability_list(set);
  v.field(name, names);
  if constexpr (V::kDecodes) {
    for (size_t i = 0; i < names.size(); ++i) {
      const auto number = capability_number(names[i]);
      v.check(number.has_value(), name, i, "unknown capability " + json::quoted(names[i], 64));
      if (number) set |= uint64_t{1} << *number;
    }
  }
}

template <class V>
void describe(V& v, CapabilitySets& c) {
  describe_set(v, "bounding", c.bounding);
  describe_set(v, "effective", c.effective);
  describe_set(v, "permitted", c.permitted);
  describe_set(v, "inheritable", c.inheritable);
  describe_set(v, "ambient", c.ambient);
}

// A set of bits is written as the names of what it holds; `what` is for messages.
template <class V>
void describe_bits(V& v, std::string_view name, uint64_t& set, std::span<const BitName> known,
                   std::string_view what) {
  oci::Strings names;
  if constexpr (!V::kDecodes)
    for (const BitName& each : known)
      if (set & each.bit) names.emplace_back(each.name);
  v.field(name, names);
  if constexpr (V::kDecodes) {
    for (size_t i = 0; i < names.size(); ++i) {
      const auto found =
          std::find_if(known.begin(), known.end(), [&](auto& k) { return k.name == names[i]; });
      v.check(found != known.end(), name, i,
              fmt::format("unknown {} {}", what, json::quoted(names[i], 64)));
      if (found != known.end()) set |= found->bit;
    }
  }
}

template <class V>
void describe(V& v, LandlockGrant& g) {
  describe_bits(v, "access", g.access, kLandlockAccess, "access right");
  v.field("paths", g.paths);
}

template <class V>
void describe(V& v, LandlockPlan& l) {
  v.required("abi", l.abi);
  describe_bits(v, "handled", l.handled_fs, kLandlockAccess, "access right");
  v.field("grants", l.grants);
  v.field("bindTcp", l.bind_tcp);
  v.field("connectTcp", l.connect_tcp);
}

template <class V>
void describe(V& v, FilterPlan& f) {
  v.required("name", f.name);
  v.required("origin", f.origin);
  v.required("digest", f.digest);
  v.required("instructions", f.instructions);
  v.field("flags", f.flags);
  v.field("listenerPath", f.listener_path);
  v.field("listenerMetadata", f.listener_metadata);
}

template <class V>
void describe(V& v, MountIdMap& m) {
  v.field("uidMappings", m.uid_mappings);
  v.field("gidMappings", m.gid_mappings);
  v.field("recursive", m.recursive);
}

template <class V>
void describe(V& v, FileIdentity& f) {
  v.required("deviceMajor", f.device_major);
  v.required("deviceMinor", f.device_minor);
  v.required("inode", f.inode);
}

template <class V>
void describe(V& v, MountPlan& m) {
  v.required("destination", m.destination);
  v.field("source", m.source);
  v.field("type", m.type);
  v.field("sourceFile", m.source_file);
  v.field("bind", m.bind);
  v.field("recursiveBind", m.recursive_bind);
  v.field("remount", m.remount);
  v.field("attrSet", m.attr_set);
  v.field("attrClear", m.attr_clear);
  v.field("recursiveAttrSet", m.recursive_attr_set);
  v.field("recursiveAttrClear", m.recursive_attr_clear);
  v.field("propagation", m.propagation);
  v.field("superblockFlags", m.superblock_flags);
  v.field("data", m.data);
  v.field("copyUp", m.copy_up);
  v.field("idmap", m.idmap);
}

template <class V>
void describe(V& v, CgroupPlan& c) {
  v.field("driver", c.driver);
  v.field("path", c.path);
  v.field("resources", c.resources);
}

template <class V>
void describe(V& v, ProcessPlan& p) {
  v.required("args", p.args);
  v.field("env", p.env);
  v.required("cwd", p.cwd);
  v.field("user", p.user);
  v.field("terminal", p.terminal);
  v.field("consoleSize", p.console_size);
  v.field("capabilities", p.capabilities);
  v.field("rlimits", p.rlimits);
  v.field("noNewPrivileges", p.no_new_privileges);
  v.field("mdwe", p.mdwe);
  v.field("apparmorProfile", p.apparmor_profile);
  v.field("selinuxLabel", p.selinux_label);
  v.field("oomScoreAdj", p.oom_score_adj);
  v.field("scheduler", p.scheduler);
  v.field("ioPriority", p.io_priority);
  v.field("cpuAffinity", p.cpu_affinity);
  v.field("personality", p.personality);
}

template <class V>
void describe(V& v, ContainerIdentity& i) {
  v.field("engine", i.engine);
  v.field("namespace", i.pod_namespace);
  v.field("pod", i.pod);
  v.field("container", i.container);
  v.field("image", i.image);
  v.field("imageDigest", i.image_digest);
  v.field("handler", i.handler);
  v.field("user", i.user);
  v.field("doubtful", i.doubtful);
}

template <class V>
void describe(V& v, Plan& p) {
  v.required("version", p.version);
  v.required("id", p.id);
  v.required("bundle", p.bundle);
  v.required("ociVersion", p.oci_version);
  v.required("profile", p.profile);
  v.required("mode", p.mode);
  v.field("policySource", p.policy_source);
  v.field("identity", p.identity);
  v.field("decisions", p.decisions);
  v.required("process", p.process);
  v.required("rootfs", p.rootfs);
  v.field("readonlyRootfs", p.readonly_rootfs);
  v.field("rootfsPropagation", p.rootfs_propagation);
  v.field("rootfsIdmap", p.rootfs_idmap);
  v.field("namespaces", p.namespaces);
  v.field("uidMappings", p.uid_mappings);
  v.field("gidMappings", p.gid_mappings);
  v.field("timeOffsets", p.time_offsets);
  v.field("hostname", p.hostname);
  v.field("domainname", p.domainname);
  v.field("mounts", p.mounts);
  v.field("devices", p.devices);
  v.field("netDevices", p.net_devices);
  v.field("maskedPaths", p.masked_paths);
  v.field("readonlyPaths", p.readonly_paths);
  v.field("nosuidPaths", p.nosuid_paths);
  v.field("sysctl", p.sysctl);
  v.field("mountLabel", p.mount_label);
  v.required("cgroup", p.cgroup);
  v.field("landlock", p.landlock);
  v.field("filters", p.filters);
  v.field("supervision", p.supervision);
  v.field("hooks", p.hooks);
  v.field("annotations", p.annotations);
  v.field("rootless", p.rootless);
  v.field("noPivot", p.no_pivot);
  v.always("newKeyring", p.new_keyring);
  v.field("preserveFds", p.preserve_fds);
  v.check(p.version == 1, "version", "written by a release that this one does not know");
}

}  // namespace holdfast
