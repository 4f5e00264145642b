// The seccomp filters that a command is asked about: those of a profile (shipped, or the node's own), of a
// file of an engine's, of a bundle or of a container.
//
//   HF_TRY(SeccompSubject s, load_seccomp_subject("restricted", {}));
//   HF_TRY(SeccompSubject s, load_seccomp_subject("/etc/docker/seccomp.json", {.arch = arch}));
//   s.plan.filters[i].name; s.filters[i]; why(s, i, call, action)
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/plan/plan.h"
#include "profiles/seccomp/engine_profile.h"
#include "profiles/seccomp/filter.h"

namespace holdfast::ctl {

struct SubjectOptions {
  std::string root;           // given: the name is a container's, of this state directory
  uint32_t arch = 0;          // AUDIT_ARCH_* that a profile is compiled for; 0: this machine's
  uint64_t capabilities = 0;  // for rules of a profile file that depend on them
};

struct SeccompSubject {
  std::string source;  // "the profile restricted", "container 3f2a..."
  Plan plan;           // its filters' names and origins
  std::vector<Filter> filters;
  // What each was compiled from, where that is known.
  std::vector<std::optional<EngineProfile>> descriptions;
  // seccomp.remove of the node's profile that they are of; absent: another's, or not known.
  std::optional<std::vector<std::string>> removed;
};

// A name may be that of a profile, of a path, of a container: the first that fits.
Result<SeccompSubject> load_seccomp_subject(const std::string& name, const SubjectOptions& options);

// Why filter `index` answers `action`: the set or the rule; empty where it is not known.
std::string why(const SeccompSubject& subject, size_t index, const SystemCall& call,
                uint32_t action);

// The capabilities that engines give a container that asks for none (Docker's 14).
uint64_t usual_capabilities();

}  // namespace holdfast::ctl
