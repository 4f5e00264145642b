// Capability names and numbers (linux/capability.h up to Linux 6.x: 0 CHOWN to 40
// CHECKPOINT_RESTORE).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// "CAP_KILL", "KILL" or "kill" -> 5.
std::optional<int> capability_number(std::string_view name);
// 5 -> "CAP_KILL"
std::string_view capability_name(int number);
// The names of the set bits, in numeric order.
std::vector<std::string> capability_list(uint64_t mask);

}  // namespace holdfast
