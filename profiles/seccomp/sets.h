// Named sets of system calls, which our profiles are made of.
//
//   for (std::string_view name : syscall_set("@mount")) ...   // mount, umount2, move_mount, ...
//
// A name that an architecture does not have is no error: it stands for nothing there.
#pragma once

#include <span>
#include <string_view>

namespace holdfast {

struct SyscallSet {
  std::string_view name;  // "@mount"
  std::string_view what;  // "changes the mount tree"
  std::span<const std::string_view> calls;
};

std::span<const SyscallSet> all_syscall_sets();
// Empty for a name that is no set's.
std::span<const std::string_view> syscall_set(std::string_view name);

}  // namespace holdfast
