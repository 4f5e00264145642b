// The stored form of ContainerState.
#include "core/event/describe_audit.h"
#include "core/json/codec.h"
#include "core/oci/describe/spec.h"
#include "sandbox/kernel/cgroup_record.h"
#include "sandbox/launch/state_store.h"

namespace holdfast {
namespace {

constexpr int32_t kVersion = 1;

}  // namespace

template <class V>
void describe(V& v, ProcessIdentity& p) {
  v.field("pid", p.pid);
  v.field("startTime", p.start_time);
  v.field("bootId", p.boot_id);
}

template <class V>
void describe(V& v, Attestation& a) {
  v.required("time", a.time);
  v.required("planDigest", a.plan_digest);
  v.field("verified", a.verified);
  v.field("reported", a.reported);
  v.field("unseen", a.unseen);
  v.field("filtersBefore", a.filters_before);
  v.field("namespaces", a.namespaces);
  v.field("kernel", a.kernel);
  v.field("cgroup", a.cgroup);
  v.field("apparmor", a.apparmor);
  v.field("selinux", a.selinux);
  v.field("mdwe", a.mdwe);
  v.field("landlockAbi", a.landlock_abi);
}

template <class V>
void describe(V& v, ContainerState& s) {
  v.required("version", s.version);
  v.required("id", s.id);
  v.field("ociVersion", s.oci_version);
  v.field("bundle", s.bundle);
  v.field("rootfs", s.rootfs);
  v.field("created", s.created);
  v.field("owner", s.owner);
  v.field("creator", s.creator);
  v.field("init", s.init);
  v.field("complete", s.complete);
  v.field("paused", s.paused_hint);
  v.required("cgroups", s.cgroups);
  v.field("supervisors", s.supervisors);
  v.field("idRange", s.id_range);
  v.field("annotations", s.annotations);
  v.field("hooks", s.hooks);
  v.field("apparmor", s.apparmor);
  v.field("profile", s.profile);
  v.field("planDigest", s.plan_digest);
  v.field("attestation", s.attestation);
  v.field("audit", s.audit);
  v.check(s.version >= 1 && s.version <= kVersion, "version", "not one that this release reads");
}

std::string encode_container_state(const ContainerState& state) { return json::encode(state); }

Result<ContainerState> decode_container_state(std::string_view text) {
  return json::decode<ContainerState>(text);
}

}  // namespace holdfast
