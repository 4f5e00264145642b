// The named sets by theme: use profiles/seccomp/sets.h, which has them all.
#pragma once

#include <span>

#include "profiles/seccomp/sets.h"

namespace holdfast::seccomp {

std::span<const SyscallSet> host_sets();
std::span<const SyscallSet> file_sets();
std::span<const SyscallSet> program_sets();

}  // namespace holdfast::seccomp
