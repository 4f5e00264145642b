#include "core/base/clock.h"
#include "sandbox/launch/state_store.h"

namespace holdfast {

Attestation attest(const Findings& found, const HostFacts& facts, uint32_t filters_before) {
  Attestation attestation;
  attestation.time = rfc3339_nano(wall_clock());
  for (const Findings::Entry& each : found.entries()) {
    if (each.finding == Finding::kHolds) attestation.verified.emplace_back(each.item);
    if (each.finding == Finding::kReported) attestation.reported.emplace_back(each.item);
    if (each.finding == Finding::kUnseen) attestation.unseen.emplace_back(each.item);
  }
  attestation.filters_before = filters_before;
  attestation.namespaces = found.namespaces;
  attestation.kernel = facts.kernel;
  attestation.cgroup = facts.cgroup;
  attestation.apparmor = facts.apparmor;
  attestation.selinux = facts.selinux;
  attestation.mdwe = facts.mdwe;
  attestation.landlock_abi = facts.landlock_abi;
  return attestation;
}

}  // namespace holdfast
