// Networks as "10.0.0.0/8", "fd00::/8", or one address without a length.
//
//   auto net = parse_cidr("10.0.0.0/8");     // nullopt: not one, or bits are set behind its length
//   contains(*net, *parse_cidr("10.1.2.3")); // true
//
// Addresses of version 4 stand as ::ffff:a.b.c.d; the two versions never contain each other.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

struct Cidr {
  std::array<uint8_t, 16> address{};
  uint8_t length = 0;  // of 128; of version 4 at least 96
  bool v4 = false;
  bool operator==(const Cidr&) const = default;
};

std::optional<Cidr> parse_cidr(std::string_view text);
// Whether all addresses of `inner` are in `outer`.
bool contains(const Cidr& outer, const Cidr& inner);
// The bits that count, as bytes.
std::array<uint8_t, 16> mask_of(const Cidr& network);

}  // namespace holdfast
