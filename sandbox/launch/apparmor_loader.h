// Loads the AppArmor profiles that plans name: compiled by apparmor_parser(8) once, kept by content,
// handed to the kernel where it does not have them.
//
//   HF_TRY(std::string problem, load_apparmor_profile(resolved.apparmor));   // its label can be taken now
//
// The parser is the only program that is run for this: by a fixed path, without our environment and
// descriptors, the text on its standard input and the result read back from its standard output.
#pragma once

#include <string>

#include "profiles/policy/apparmor_profile.h"

namespace holdfast {

// `cache` is a directory of ours. One that cannot be used costs time, nothing else: why is what comes
// back then.
Result<std::string> load_apparmor_profile(const AppArmorProfile& profile,
                                          const std::string& cache = "/run/holdfast/.apparmor");

}  // namespace holdfast
