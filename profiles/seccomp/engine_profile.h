// An engine's seccomp profile file: Docker's and podman's form, in which rules depend on capabilities,
// architecture and kernel; the OCI form (linux.seccomp alone) is a part of it.
//
//   HF_TRY(EngineProfile p, decode_engine_profile(text, {.capabilities = kDocker, .kernel = {6, 1}}));
//   compile(p.seccomp)             // what the engine would write into config.json
//   p.places[i]                    // where syscalls[i] stands in the file
//
// As Docker does it (moby: profiles/seccomp/seccomp_linux.go); containers/common adds errno names.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/oci/spec.h"

namespace holdfast {

struct EngineFacts {
  uint32_t architecture = 0;         // AUDIT_ARCH_*; 0: this machine's
  uint64_t capabilities = 0;         // the container's bounding set
  std::pair<int, int> kernel{0, 0};  // 0.0: newer than any that a rule asks for
};

struct EngineProfile {
  oci::Seccomp seccomp;
  std::vector<size_t> places;
};

Result<EngineProfile> decode_engine_profile(std::string_view text, const EngineFacts& facts);

}  // namespace holdfast
