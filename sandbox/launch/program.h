// What is executed: the program's file, its environment and working directory, inside the
// container.
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/plan/plan.h"

namespace holdfast {

// The path that execve gets. A name without a slash is looked up in the environment's PATH. Errors
// are in the words that engines turn into exit codes 126 and 127:
//   exec: "nope": executable file not found in $PATH
//   exec: "/nope": stat /nope: no such file or directory
//   exec: "/etc": is a directory          exec: "/etc/passwd": permission denied
Result<std::string> find_program(const std::string& name, const std::vector<std::string>& env);

// The home directory of `uid` in an /etc/passwd text; "/" if it has none.
std::string home_directory(std::string_view passwd, uint32_t uid);

// Adds HOME, as every runtime does, if the environment has none.
void add_home(std::vector<std::string>& env, uint32_t uid, const DirFd& root);

// Enters `cwd` below `root` by descriptor, making it if it is missing. False if the current user
// may not.
Result<bool> enter_directory(const DirFd& root, const std::string& cwd);

// The working directory lies inside the root: getcwd(2) reaches it (CVE-2024-21626).
Result<> verify_directory();

}  // namespace holdfast
