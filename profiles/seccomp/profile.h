// The seccomp descriptions of our profiles: compiled like an engine's, stacked beneath it.
//
//   oci::Seccomp beneath = denylist({.remove = {"@ptrace"}});          // default: allow
//   oci::Seccomp alone = allowlist({.nested_containers = true});       // default: EPERM
#pragma once

#include <cstdint>
#include <string_view>

#include "core/oci/spec.h"

namespace holdfast {

// Stands for values of personality() beyond the harmless ones in SeccompGrants::remove.
inline constexpr std::string_view kPersonalitySet = "@personality";

struct SeccompGrants {
  // Calls and @sets that are denied beyond what every filter of ours denies: "@ptrace", "personality".
  oci::Strings remove{};
  bool nested_containers = false;  // exception: namespaces and mounts
  bool io_uring = false;           // exception
  // Capabilities that an exception names and the container has: their calls are let through, as they
  // would be of no use otherwise.
  uint64_t capabilities = 0;
  bool complain = false;  // clone3 is let through: an answer of ENOSYS would not be "as asked"
  // Architectures beside this one's: the compat one is always covered.
  oci::Strings architectures{};
};

// What is denied beneath every engine's profile.
oci::Seccomp denylist(const SeccompGrants& grants);
// What is allowed where the engine gives no profile.
oci::Seccomp allowlist(const SeccompGrants& grants);

}  // namespace holdfast
