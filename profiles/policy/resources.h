// The limit on processes that a profile sets where the engine sets none.
#pragma once

#include <cstdint>
#include <optional>

#include "profiles/policy/judge.h"

namespace holdfast {

std::optional<int64_t> default_pids_limit(const Judge& judge);

}  // namespace holdfast
