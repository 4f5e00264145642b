// System calls that are newer than the libseccomp we link: known by number.
//
//   newer_call("mseal") == 462
//
// From 424 on a call has one number on every architecture that we know (mips and alpha add an offset;
// x32 its bit), so one table serves all.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace holdfast {

struct NewerCall {
  std::string_view name;
  uint32_t number;
};

// In the order of their numbers.
std::span<const NewerCall> newer_calls();
std::optional<uint32_t> newer_call(std::string_view name);

}  // namespace holdfast
