// The evaluator of seccomp filters: any program ends with an answer, and without reading past its end;
// and the dense form of any program gives the same answer.
#include <cstring>

#include "fuzz/check.h"
#include "profiles/seccomp/dense.h"
#include "profiles/seccomp/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::SystemCall call;
  // struct seccomp_data as the kernel has it in front, the program behind it.
  constexpr size_t kHead = sizeof call.nr + sizeof call.arch + sizeof call.args;
  if (size < kHead) return 0;
  std::memcpy(&call.nr, data, sizeof call.nr);
  std::memcpy(&call.arch, data + 4, sizeof call.arch);
  std::memcpy(call.args.data(), data + 8, sizeof call.args);
  holdfast::Filter filter((size - kHead) / sizeof(sock_filter));
  if (!filter.empty())
    std::memcpy(filter.data(), data + kHead, filter.size() * sizeof(sock_filter));
  const uint32_t first = holdfast::verdict(filter, call);
  holdfast::fuzz::require(holdfast::verdict(filter, call) == first, "one answer to one call", "");
  holdfast::fuzz::require(holdfast::verdict(holdfast::dense(filter), call) == first,
                          "the same answer from fewer instructions", "");
  return 0;
}
