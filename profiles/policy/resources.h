// The limit on processes under a profile.
#pragma once

#include <cstdint>
#include <optional>

#include "profiles/policy/judge.h"

namespace holdfast {

// The limit to apply instead of what is asked for (nothing: none asked, below 0: unlimited), or nothing
// where that may stand.
std::optional<int64_t> pids_limit_instead(const Judge& judge, std::optional<int64_t> asked);

}  // namespace holdfast
