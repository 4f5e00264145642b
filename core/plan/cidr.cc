#include "core/plan/cidr.h"

#include <arpa/inet.h>

#include <cstring>

#include "core/base/text.h"

namespace holdfast {
namespace {

constexpr uint8_t kMapped = 96;  // bits of ::ffff:0:0

std::optional<Cidr> parse_address(const std::string& text) {
  Cidr found;
  if (::inet_pton(AF_INET, text.c_str(), found.address.data() + 12) == 1) {
    found.address[10] = found.address[11] = 0xff;
    found.length = 128;
    found.v4 = true;
    return found;
  }
  if (::inet_pton(AF_INET6, text.c_str(), found.address.data()) != 1) return std::nullopt;
  found.length = 128;
  // A version 4 address in disguise: two ways to write one rule would be two rules.
  constexpr uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(found.address.data(), kPrefix, sizeof kPrefix) == 0) return std::nullopt;
  return found;
}

}  // namespace

std::array<uint8_t, 16> mask_of(const Cidr& network) {
  std::array<uint8_t, 16> mask{};
  for (unsigned bit = 0; bit < network.length; ++bit)
    mask[bit / 8] = static_cast<uint8_t>(mask[bit / 8] | 0x80U >> bit % 8);
  return mask;
}

std::optional<Cidr> parse_cidr(std::string_view text) {
  const size_t slash = text.find('/');
  auto found = parse_address(std::string(text.substr(0, slash)));
  if (!found || slash == text.npos) return found;
  const auto length = parse_number<uint8_t>(text.substr(slash + 1));
  if (!length || *length > (found->v4 ? 32 : 128)) return std::nullopt;
  found->length = static_cast<uint8_t>(*length + (found->v4 ? kMapped : 0));
  const auto mask = mask_of(*found);
  for (size_t i = 0; i < mask.size(); ++i)
    if (found->address[i] & ~mask[i]) return std::nullopt;
  return found;
}

bool contains(const Cidr& outer, const Cidr& inner) {
  if (outer.v4 != inner.v4 || outer.length > inner.length) return false;
  const auto mask = mask_of(outer);
  for (size_t i = 0; i < mask.size(); ++i)
    if ((inner.address[i] & mask[i]) != outer.address[i]) return false;
  return true;
}

}  // namespace holdfast
