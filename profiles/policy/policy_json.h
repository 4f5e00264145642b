// The JSON form of a file in policy.d (packaging/schema/policy.schema.json says the same).
#pragma once

#include <algorithm>

#include "core/event/describe_audit.h"
#include "core/json/codec.h"
#include "core/plan/describe.h"
#include "profiles/policy/policy_set.h"

namespace holdfast {

inline constexpr std::string_view kApiVersion = "holdfast/v1";
inline constexpr std::string_view kDeniable[] = {"privileged", "hostNamespaces", "rootUser"};
inline constexpr std::string_view kEngines[] = {"docker", "kubernetes", "containerd", "podman"};

struct PolicyFile {
  std::string api_version;
  std::optional<Choice> fallback;
  std::vector<SelectRule> rules;
  std::vector<Exception> exceptions;
  std::vector<std::string> trusted_annotations;
  std::optional<AuditSettings> audit;
};

// What only engines write: naming it as trusted would trust whoever can overwrite it.
inline bool is_engines_annotation(std::string_view key) {
  for (const std::string_view prefix : {"io.kubernetes.cri", "io.containerd.", "io.podman.",
                                        "io.container.manager", "org.systemd.property."})
    if (key.starts_with(prefix)) return true;
  return false;
}

template <class V>
void describe(V& v, Match& m) {
  v.field("engine", m.engine);
  v.field("namespace", m.pod_namespace);
  v.field("pod", m.pod);
  v.field("container", m.container);
  v.field("image", m.image);
  v.field("imageDigest", m.image_digest);
  v.field("user", m.user);
  v.field("handler", m.handler);
  v.field("annotations", m.annotations);
  if constexpr (V::kDecodes) {
    v.check(m.engine.empty() ||
                std::find(std::begin(kEngines), std::end(kEngines), m.engine) != std::end(kEngines),
            "engine",
            fmt::format("unknown engine {} (known: docker, kubernetes, containerd, podman)",
                        json::quoted(m.engine, 64)));
    v.check(m.image_digest.empty() ||
                (m.image_digest.starts_with("sha256:") && m.image_digest.size() == 71),
            "imageDigest", "expected sha256: and 64 digits of hex");
    v.check(m.user.empty() || parse_number<uint32_t>(m.user), "user",
            "expected the number of a user, as a string");
  }
}

template <class V>
void describe_choice(V& v, Choice& c) {
  v.field("profile", c.profile);
  v.field("mode", c.mode);
  v.field("deny", c.deny);
  if constexpr (V::kDecodes) {
    c.source = fmt::format("{}", v.object().line());
    for (size_t i = 0; i < c.deny.size(); ++i)
      v.check(
          std::find(std::begin(kDeniable), std::end(kDeniable), c.deny[i]) != std::end(kDeniable),
          "deny", i,
          fmt::format("{} cannot be denied; there are privileged, hostNamespaces, rootUser",
                      json::quoted(c.deny[i], 64)));
  }
}

template <class V>
void describe(V& v, Choice& c) {
  describe_choice(v, c);
}

template <class V>
void describe(V& v, SelectRule& r) {
  v.required("match", r.match);
  describe_choice(v, r.choice);
  v.check(r.choice.profile || r.choice.mode || !r.choice.deny.empty(), "match",
          "the rule decides nothing: give it a profile, a mode or what to deny");
}

template <class V>
void describe(V& v, Exception& e) {
  v.required("name", e.name);
  v.required("match", e.match);
  v.required("allow", e.allow);
  v.required("reason", e.reason);
  v.field("expires", e.expires);
  if constexpr (V::kDecodes) {
    e.source = fmt::format("{}", v.object().line());
    v.check(!trim(e.name).empty(), "name", "empty: it is what reports call the exception");
    v.check(!trim(e.reason).empty(), "reason", "empty: say why, and where it was decided");
    v.check(!e.allow.empty(), "allow", "empty: name what is allowed, or remove the exception");
    for (size_t i = 0; i < e.allow.size(); ++i) {
      const bool known = is_known_grant(e.allow[i]);
      if (!known)
        v.check(false, "allow", i,
                fmt::format("nothing is called {}; there are {}", json::quoted(e.allow[i], 64),
                            known_grants()));
      v.check(!e.allow[i].starts_with("exec") || e.expires, "allow", i,
              "what opens exec must end: add \"expires\"");
    }
  }
}

template <class V>
void describe(V& v, PolicyFile& f) {
  v.required("apiVersion", f.api_version);
  v.field("default", f.fallback);
  v.field("rules", f.rules);
  v.field("exceptions", f.exceptions);
  v.field("trustedAnnotations", f.trusted_annotations);
  v.field("audit", f.audit);
  if constexpr (V::kDecodes) {
    v.check(f.api_version == kApiVersion, "apiVersion",
            fmt::format("unknown version {} (known: {})", json::quoted(f.api_version, 32),
                        kApiVersion));
    for (size_t i = 0; i < f.trusted_annotations.size(); ++i)
      v.check(!f.trusted_annotations[i].empty() && !is_engines_annotation(f.trusted_annotations[i]),
              "trustedAnnotations", i,
              "the engine's own: use the selectors namespace, pod, container and image");
  }
}

}  // namespace holdfast
