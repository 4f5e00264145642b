// config.json: the top level, mounts and hooks (config.md), and the state document
// (runtime.md#state).
#pragma once

#include "core/oci/describe/linux.h"
#include "core/oci/describe/process.h"

namespace holdfast::oci {

template <class V>
void describe(V& v, Root& r) {
  v.required("path", r.path);
  v.field("readonly", r.readonly);
  v.check(!r.path.empty(), "path", "must not be empty");
}

template <class V>
void describe(V& v, Mount& m) {
  v.required("destination", m.destination);
  v.field("type", m.type);
  v.field("source", m.source);
  v.field("options", m.options);
  v.field("uidMappings", m.uid_mappings);
  v.field("gidMappings", m.gid_mappings);
  if constexpr (V::kDecodes) {
    v.check(!m.destination.empty(), "destination", "must not be empty");
    // config.md#mounts: a relative destination of old configurations is meant from "/" on.
    if (!is_absolute(m.destination)) m.destination.insert(0, 1, '/');
    v.check(m.uid_mappings.empty() || !m.gid_mappings.empty(), "gidMappings",
            "missing next to uidMappings");
    v.check(m.gid_mappings.empty() || !m.uid_mappings.empty(), "uidMappings",
            "missing next to gidMappings");
  }
}

template <class V>
void describe(V& v, Hook& h) {
  v.required("path", h.path);
  v.field("args", h.args);
  v.field("env", h.env);
  v.field("timeout", h.timeout);
  v.field("io.holdfast.trusted", h.trusted);
  v.field("io.holdfast.sha256", h.sha256);
  v.check(is_absolute(h.path), "path", "expected an absolute path");
  v.check(h.timeout.value_or(1) > 0, "timeout", "expected integer above 0");
}

template <class V>
void describe(V& v, Hooks& h) {
  v.field("prestart", h.prestart);
  v.field("createRuntime", h.create_runtime);
  v.field("createContainer", h.create_container);
  v.field("startContainer", h.start_container);
  v.field("poststart", h.poststart);
  v.field("poststop", h.poststop);
}

// MAJOR.MINOR.PATCH with MAJOR 1, what may follow a "-" or "+" included: "1.0.2-dev".
inline bool is_known_version(std::string_view version) {
  const auto parts = split(version.substr(0, version.find_first_of("-+")), '.');
  return parts.size() == 3 && parts[0] == "1" && parse_number<uint32_t>(parts[1]) &&
         parse_number<uint32_t>(parts[2]);
}

template <class V>
void describe(V& v, Spec& s) {
  v.required("ociVersion", s.version);
  v.field("process", s.process);
  v.required("root", s.root);
  v.field("hostname", s.hostname);
  v.field("domainname", s.domainname);
  v.field("mounts", s.mounts);
  v.field("hooks", s.hooks);
  v.field("annotations", s.annotations);
  v.field("linux", s.linux_);
  if constexpr (V::kDecodes) {
    v.check(is_known_version(s.version), "ociVersion",
            "expected a version 1.x.y, found " + json::quoted(s.version, 64));
    const bool uts = find(s.linux_, NamespaceType::kUts) || !v.intact("linux");
    v.check(s.hostname.empty() || uts, "hostname", "needs a uts namespace");
    v.check(s.domainname.empty() || uts, "domainname", "needs a uts namespace");
  }
}

template <class V>
void describe(V& v, State& s) {
  v.required("ociVersion", s.version);
  v.required("id", s.id);
  v.required("status", s.status);
  v.always("pid", s.pid);
  v.required("bundle", s.bundle);
  v.field("annotations", s.annotations);
}

}  // namespace holdfast::oci
