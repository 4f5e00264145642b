// The stored plan, which a release reads that another one wrote.
#include "core/plan/plan.h"
#include "fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::fuzz::check_round_trip(data, size, holdfast::decode_plan,
                                   [](const auto& value) { return holdfast::encode_plan(value); });
  return 0;
}
