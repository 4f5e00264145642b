// policy.json: what is taken has a reason for every exception.
#include "profiles/policy/policy.h"
#include "fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = holdfast::decode_policy(text, "policy.json");
  if (!policy) return 0;
  for (const auto& exception : policy->grants)
    holdfast::fuzz::require(!exception.what.empty() && !exception.reason.empty(),
                            "an exception has a name and a reason", text);
  return 0;
}
