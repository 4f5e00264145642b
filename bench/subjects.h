// Which runtimes are measured.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/commands.h"

namespace holdfast::bench {

// "NAME=PATH"
Result<Subject> parse_subject(std::string_view text);
// "NAME=JSON": holdfast beside this program, under this policy.
Result<Subject> parse_policy(std::string_view text);
// holdfast beside this program, and Debian's crun and runc; one that is missing is told on stderr.
std::vector<Subject> installed_subjects();

// A file in this program's own directory.
std::string beside_ourselves(const char* name);
// Docker's default seccomp profile as JSON.
Result<std::string> docker_profile();

}  // namespace holdfast::bench
