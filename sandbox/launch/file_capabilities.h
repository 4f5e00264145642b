// Why execve(2) answered EPERM for a file that may be executed: capabilities(7) says it does when the
// file asks for capabilities that the process cannot get (`ping` with cap_net_raw+ep).
//
//   missing = file_capabilities(attribute) & ~bounding;   // "cap_net_raw"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// What an effective file capability of this value (security.capability, all revisions) demands; 0 for
// one that demands nothing: malformed, or without the effective bit.
uint64_t file_capabilities(std::string_view attribute);

// What the file at `path` demands; 0 where that is nothing, or it cannot be looked at.
uint64_t demanded_capabilities(const std::string& path);

// "CAP_NET_RAW": what the file at `path` demands and the calling process may not get; "" for nothing.
std::string refused_capabilities(const std::string& path);

}  // namespace holdfast
