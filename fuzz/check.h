// What every decoder must keep, whatever it is fed: it does not crash; what it accepts it can write and read
// again, to the same text; what it refuses it refuses in one printable line of bounded length.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/json/utf8.h"

namespace holdfast::fuzz {

inline void require(bool condition, const char* law, std::string_view detail) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n%.*s\n", law, static_cast<int>(detail.size()), detail.data());
  std::abort();
}

inline void check_error(const Error& error) {
  require(!error.message.empty(), "an error says something", "");
  require(error.message.size() < 16384, "an error is bounded", error.message);
  require(json::find_invalid_utf8(error.message) == std::string_view::npos, "an error is UTF-8",
          error.message);
  for (const char c : error.message)
    require(static_cast<unsigned char>(c) >= 0x20, "an error is one printable line", error.message);
}

template <class Decode, class Encode>
void check_round_trip(const uint8_t* data, size_t size, Decode decode, Encode encode) {
  const auto value = decode(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!value) return check_error(value.error());
  const std::string text = encode(*value);
  const auto again = decode(text);
  require(again.has_value(), "what is written can be read", text);
  require(encode(*again) == text, "reading and writing again gives the same text", text);
}

}  // namespace holdfast::fuzz
