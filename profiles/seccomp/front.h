// What stands in front of libseccomp's program: answers for system calls by number alone.
//
// Two reasons. A profile that denies by default would answer EPERM to calls that did not exist when it
// was written, where programs expect ENOSYS to fall back (the same front as runc's). And calls newer
// than libseccomp have no name there.
//
//   Front front;
//   front.sections.push_back({.arch = AUDIT_ARCH_X86_64, .last = 450, .exact = {{462, SECCOMP_RET_ALLOW}}});
//   Filter filter = with_front(front, std::move(program));
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "profiles/seccomp/filter.h"

namespace holdfast {

struct Front {
  struct Exact {
    uint32_t number = 0;
    uint32_t action = 0;  // SECCOMP_RET_* with its data
  };
  // A call judged by its first argument, taken as an int.
  struct ByArgument {
    struct Case {
      uint32_t mask = 0, value = 0;
      uint32_t action = 0;
    };
    uint32_t number = 0;
    std::vector<Case> cases;  // the first that matches; at most 30
    uint32_t otherwise = 0;
  };
  struct Section {
    uint32_t arch = 0;  // AUDIT_ARCH_*
    bool x32 = false;   // of AUDIT_ARCH_X86_64: calls with the x32 bit
    // Numbers above it answer ENOSYS; nothing: only `exact` counts.
    std::optional<uint32_t> last;
    // From here on numbers are the architecture's own again (arm: 0xf0000) and fall through.
    std::optional<uint32_t> own_from;
    std::optional<ByArgument> by_argument;
    std::vector<Exact> exact;  // ascending, at most 60
  };
  std::vector<Section> sections;
};

Filter with_front(const Front& front, const Filter& program);

}  // namespace holdfast
