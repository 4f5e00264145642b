// Pairs of SELinux categories ("c12,c345"), each of one container: what is labelled with one pair cannot be
// reached by a process with another.
//
//   HF_TRY(std::string pair, claim_categories(owner));                 // one that nobody has
//   HF_DO(note_categories(owner, "c1,c2"));                            // an engine's: ours keep off it
//
// `owner` is a container's state directory. Who has a pair is written down before it is used, and it counts
// for as long as that directory exists and its plan names the pair: nothing has to be given back, and a
// creation that was killed keeps nothing. Containers of all state roots share one register.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace holdfast {

inline constexpr const char* kCategoryRegister = "/run/holdfast/.categories";

Result<std::string> claim_categories(const std::string& owner,
                                     const std::string& directory = kCategoryRegister);

// Members of a pod have one pair together: several owners may be noted.
Result<> note_categories(const std::string& owner, std::string_view pair,
                         const std::string& directory = kCategoryRegister);

// "system_u:system_r:container_t:s0:c1,c2" -> "c1,c2"; empty: no pair.
std::string_view categories_of(std::string_view label);

}  // namespace holdfast
