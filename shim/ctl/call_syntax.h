// A system call as people write it.
//
//   parse_call("socket(AF_VSOCK, SOCK_STREAM|SOCK_CLOEXEC)")  -> {"socket", {40, 0x80001}}
//   parse_call("clone(0x10000000 | 17)"), parse_call("#462(1)"), parse_call("mount")
//
// Arguments are numbers (decimal, 0x..., negative) and names of constants, joined by "|"; those that
// are not written are 0. A filter sees numbers only: strings and pointers cannot be asked about.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace holdfast::ctl {

struct CallText {
  std::string name;  // or "#NUMBER"
  std::array<uint64_t, 6> args{};
};

Result<CallText> parse_call(std::string_view text);

// "AF_VSOCK" -> 40. Families and types of sockets, flags of clone, mmap, mount and personality, some
// requests of ioctl, prctl and ptrace, signals: what has one value on every architecture that the
// profiles cover.
std::optional<uint64_t> call_constant(std::string_view name);

}  // namespace holdfast::ctl
