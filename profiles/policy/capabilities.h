// Which capabilities a profile grants.
//
//   uint64_t may = permitted_capabilities(judge, {.private_network = true, .private_pid = true});
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/oci/spec.h"
#include "profiles/policy/judge.h"

namespace holdfast {

constexpr uint64_t capability_bit(int number) { return uint64_t{1} << number; }

// What engines give without being asked (Docker's fourteen): asking for one of them is no wish.
uint64_t engine_default_capabilities();

struct CapabilityGrounds {
  bool private_network = false;  // NET_ADMIN is about a network of the container's own
  bool private_pid = false;      // SYS_PTRACE is about processes of its own
};

// What the profile and the exceptions grant a container that is not privileged.
uint64_t permitted_capabilities(const Judge& judge, const CapabilityGrounds& grounds);

struct AskedCapabilities {
  CapabilitySets sets;
  std::vector<std::string> unknown;  // names that nobody knows, as written, without repetition
};
AskedCapabilities asked_capabilities(const std::optional<oci::Capabilities>& asked);

// "NET_ADMIN, SYS_ADMIN"; "none" for nothing.
std::string capability_text(uint64_t mask);

// Makes the sets consistent as the kernel requires: effective within permitted, ambient within
// permitted, and inheritable exactly ambient (capabilities(7), CVE-2022-24769, docs/adr/0011).
CapabilitySets consistent(CapabilitySets sets);

}  // namespace holdfast
