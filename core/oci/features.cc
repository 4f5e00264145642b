#include "core/oci/features.h"

#include "core/oci/describe/linux.h"
#include "core/plan/capability_names.h"

namespace holdfast::oci {

// The specification tells `false` from "unknown" (absent), so flags are always written.
template <class V>
void describe(V& v, Support& s) {
  v.always("enabled", s.enabled);
}

template <class V>
void describe(V& v, CgroupFeatures& c) {
  v.always("v1", c.v1);
  v.always("v2", c.v2);
  v.always("systemd", c.systemd);
  v.always("systemdUser", c.systemd_user);
  v.always("rdma", c.rdma);
}

template <class V>
void describe(V& v, SeccompFeatures& s) {
  v.always("enabled", s.enabled);
  v.field("actions", s.actions);
  v.field("operators", s.operators);
  v.field("archs", s.archs);
  v.field("knownFlags", s.known_flags);
  v.field("supportedFlags", s.supported_flags);
}

template <class V>
void describe(V& v, IntelRdtFeatures& r) {
  v.always("enabled", r.enabled);
  v.always("schemata", r.schemata);
  v.always("monitoring", r.monitoring);
}

template <class V>
void describe(V& v, MemoryPolicyFeatures& m) {
  v.field("modes", m.modes);
  v.field("flags", m.flags);
}

template <class V>
void describe(V& v, MountExtensions& m) {
  v.always("idmap", m.idmap);
}

template <class V>
void describe(V& v, LinuxFeatures& l) {
  v.field("namespaces", l.namespaces);
  v.field("capabilities", l.capabilities);
  v.always("cgroup", l.cgroup);
  v.always("seccomp", l.seccomp);
  v.always("apparmor", l.apparmor);
  v.always("selinux", l.selinux);
  v.always("intelRdt", l.intel_rdt);
  v.field("memoryPolicy", l.memory_policy);
  v.always("mountExtensions", l.mount_extensions);
  v.always("netDevices", l.net_devices);
}

template <class V>
void describe(V& v, Features& f) {
  v.required("ociVersionMin", f.version_min);
  v.required("ociVersionMax", f.version_max);
  v.field("hooks", f.hooks);
  v.field("mountOptions", f.mount_options);
  v.always("linux", f.linux_);
  v.field("annotations", f.annotations);
  v.field("potentiallyUnsafeConfigAnnotations", f.potentially_unsafe_config_annotations);
}

namespace {

Strings strings(Names names) { return Strings(names.begin(), names.end()); }

template <class E>
Strings names_of() {
  Strings names;
  for (const auto& each : json_names(E{})) names.emplace_back(each.name);
  return names;
}

}  // namespace

Features our_features() {
  Features features;
  features.hooks = {"prestart",       "createRuntime", "createContainer",
                    "startContainer", "poststart",     "poststop"};
  LinuxFeatures& l = features.linux_;
  l.namespaces = names_of<NamespaceType>();
  l.capabilities = capability_list(~uint64_t{0});
  l.cgroup = {.v1 = true, .v2 = true, .systemd = true, .systemd_user = true, .rdma = true};
  l.seccomp = {.enabled = true,
               .actions = names_of<SeccompAction>(),
               .operators = names_of<SeccompOperator>(),
               .archs = strings(kSeccompArchitectures),
               .known_flags = strings(kSeccompFlags),
               .supported_flags = strings(kSeccompFlags)};
  l.apparmor.enabled = true;
  l.selinux.enabled = true;
  l.mount_extensions.idmap.enabled = true;
  l.net_devices.enabled = true;
  features.annotations["holdfast.version"] = HOLDFAST_VERSION;
  return features;
}

std::string encode_features(const Features& features, json::Layout layout) {
  return json::encode(features, layout);
}

}  // namespace holdfast::oci
