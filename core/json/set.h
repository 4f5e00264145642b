// Set: some of the values of an enum whose values are below 64, as bits.
//
//   json::Set<Colour> s{1 << 0};  s.has(Colour::kRed);  s.bits & other.bits
#pragma once

#include <cstdint>

namespace holdfast::json {

template <class E>
struct Set {
  uint64_t bits = 0;

  constexpr bool has(E value) const { return (bits >> static_cast<unsigned>(value) & 1) != 0; }
  constexpr bool empty() const { return bits == 0; }
  static constexpr E first() { return E{}; }
  bool operator==(const Set&) const = default;
};

}  // namespace holdfast::json
