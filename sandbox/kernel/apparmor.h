// AppArmor profiles of ours: whether they can be loaded here, loading, and that a program runs under its own.
// The label of the next execve is set by set_apparmor_on_exec() (process.h).
//
//   if (const std::string why_not = apparmor_obstacle(facts); why_not.empty())
//     HF_DO(load_apparmor_policy(compiled));
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>

#include "core/plan/plan.h"

namespace holdfast {

// Why the caller cannot load and stack profiles of ours; empty: it can.
std::string apparmor_obstacle(const HostFacts& facts);

// The program that compiles profiles, or nullptr. Never looked for by PATH.
const char* apparmor_parser();

// Hands compiled profiles to the kernel, which adds or replaces them as a whole.
Result<> load_apparmor_policy(std::string_view compiled);

// Takes a profile of ours out of the kernel: whoever still ran under it would run on without.
Result<> unload_apparmor_profile(const std::string& label);

// Which of these profiles any process of the host runs under.
Result<std::set<std::string>> apparmor_profiles_in_use(const std::set<std::string>& labels);

// That a running program is held by the profile of ours that its label was planned with, if any. Other
// parts of the label are the engine's, whose rules may change them at execve. A process that has gone is
// no error.
Result<> verify_apparmor(pid_t pid, const std::string& planned);

}  // namespace holdfast
