// update's resources document.
#include "core/oci/spec.h"
#include "fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::fuzz::check_round_trip(
      data, size, holdfast::oci::decode_resources,
      [](const auto& value) { return holdfast::oci::encode_resources(value); });
  return 0;
}
