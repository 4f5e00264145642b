// config.json.
#include "core/oci/spec.h"
#include "fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::fuzz::check_round_trip(data, size, holdfast::oci::decode_spec, [](const auto& value) {
    return holdfast::oci::encode_spec(value);
  });
  return 0;
}
