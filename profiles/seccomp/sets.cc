#include "profiles/seccomp/sets.h"

#include <algorithm>

#include "profiles/seccomp/set_groups.h"

namespace holdfast {
namespace {

constexpr std::span<const SyscallSet> (*kGroups[])() = {seccomp::host_sets, seccomp::file_sets,
                                                        seccomp::program_sets};

}  // namespace

std::vector<SyscallSet> all_syscall_sets() {
  std::vector<SyscallSet> all;
  for (const auto group : kGroups) {
    const auto sets = group();
    all.insert(all.end(), sets.begin(), sets.end());
  }
  return all;
}

std::span<const std::string_view> syscall_set(std::string_view name) {
  for (const auto group : kGroups)
    for (const SyscallSet& set : group())
      if (set.name == name) return set.calls;
  return {};
}

std::string_view set_of(std::string_view call) {
  for (const auto group : kGroups)
    for (const SyscallSet& set : group())
      if (std::find(set.calls.begin(), set.calls.end(), call) != set.calls.end()) return set.name;
  return {};
}

}  // namespace holdfast
