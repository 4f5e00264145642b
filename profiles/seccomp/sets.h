// Named sets of system calls, which our profiles are made of.
//
//   for (std::string_view name : syscall_set("@mount")) ...   // mount, umount2, move_mount, ...
//
// No call is in two sets. A name that an architecture does not have is no error: it stands for nothing
// there.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace holdfast {

struct SyscallSet {
  std::string_view name;  // "@mount"
  std::string_view what;  // "changes the mount tree"
  std::span<const std::string_view> calls;
};

std::vector<SyscallSet> all_syscall_sets();
// Empty for a name that is no set's.
std::span<const std::string_view> syscall_set(std::string_view name);
// The set that a call is in, "@mount" for "umount2"; empty for one in none: those that are judged by
// their arguments (clone, clone3, unshare, socket), and what no profile has use for.
std::string_view set_of(std::string_view call);

}  // namespace holdfast
