// /etc/passwd of an image: home_directory() takes any bytes; what it gives is a field of them, or "/".
#include "fuzz/check.h"
#include "sandbox/launch/program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using holdfast::fuzz::require;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const uint32_t uid : {0U, 1000U, 4294967295U}) {
    const std::string home = holdfast::home_directory(text, uid);
    require(home == "/" || text.find(home) != std::string_view::npos, "a home is in the text",
            home);
    require(home.find_first_of(":\n") == std::string::npos, "a home is one field", home);
  }
  return 0;
}
