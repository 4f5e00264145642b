#include <sys/capability.h>
#include <sys/prctl.h>

#include <memory>

#include "core/plan/capability_names.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

constexpr int kSetBits = 64;

struct CapFree {
  void operator()(cap_t caps) const { cap_free(caps); }
};
using Caps = std::unique_ptr<std::remove_pointer_t<cap_t>, CapFree>;

// What the kernel calls it; newer capabilities than our table have only a number.
std::string name_of(int number) {
  const std::string_view known = capability_name(number);
  return known.empty() ? fmt::format("capability {}", number) : std::string(known);
}

Result<> add(cap_t caps, cap_flag_t flag, uint64_t mask) {
  cap_value_t values[kSetBits];
  int count = 0;
  for (int number = 0; number < kSetBits; ++number)
    if (mask >> number & 1) values[count++] = number;
  if (count > 0 && cap_set_flag(caps, flag, count, values, CAP_SET) != 0)
    return os_error("a capability that this kernel does not know");
  return {};
}

std::string names(uint64_t mask) {
  std::vector<std::string> each;
  for (int number = 0; number < kSetBits; ++number)
    if (mask >> number & 1) each.push_back(name_of(number));
  return join(each, ", ");
}

Result<> raise_ambient(uint64_t ambient) {
  if (cap_reset_ambient() != 0) {
    // A kernel without ambient capabilities (before 4.3) has none to clear.
    if (errno == EINVAL && ambient == 0) return {};
    return os_error("clear the ambient capabilities");
  }
  for (int number = 0; number < kSetBits; ++number)
    if ((ambient >> number & 1) && cap_set_ambient(number, CAP_SET) != 0)
      return os_error("raise ambient {}", name_of(number));
  return {};
}

}  // namespace

Result<> drop_bounding(const CapabilitySets& sets) {
  uint64_t missing = sets.bounding;
  for (int number = 0; number < kSetBits; ++number) {
    // Read first: dropping needs CAP_SETPCAP even where there is nothing to drop.
    const int held = cap_get_bound(number);
    if (held < 0) break;  // EINVAL: neither this nor a higher one exists in this kernel
    if (held == 0) continue;
    missing &= ~(uint64_t{1} << number);
    if (sets.bounding >> number & 1) continue;
    if (cap_drop_bound(number) != 0)
      return os_error("drop {} from the bounding set", name_of(number));
  }
  // The bounding set never grows: asking for what is gone means that the plan and the host
  // disagree.
  if (missing != 0) return error("the bounding set does not hold {}", names(missing));
  return {};
}

Result<> keep_capabilities(bool keep) {
  if (::prctl(PR_SET_KEEPCAPS, keep ? 1 : 0, 0, 0, 0) != 0) return os_error("set PR_SET_KEEPCAPS");
  return {};
}

Result<> set_capabilities(const CapabilitySets& sets) {
  const Caps caps(cap_init());
  if (!caps) return os_error("set capabilities");
  HF_DO(with_context(add(caps.get(), CAP_PERMITTED, sets.permitted), "set permitted"));
  HF_DO(with_context(add(caps.get(), CAP_EFFECTIVE, sets.effective), "set effective"));
  HF_DO(with_context(add(caps.get(), CAP_INHERITABLE, sets.inheritable), "set inheritable"));
  if (cap_set_proc(caps.get()) != 0) {
    const int code = errno;
    auto own = own_capabilities();
    const uint64_t beyond = own ? (sets.permitted | sets.effective) & ~own->permitted : 0;
    if (beyond != 0) return os_error_of(code, "set capabilities: we do not hold {}", names(beyond));
    return os_error_of(code, "set capabilities");
  }
  return raise_ambient(sets.ambient);
}

Result<CapabilitySets> own_capabilities() {
  const Caps caps(cap_get_proc());
  if (!caps) return os_error("read our capabilities");
  CapabilitySets sets;
  for (int number = 0; number < kSetBits; ++number) {
    const int bound = cap_get_bound(number);
    if (bound < 0) break;
    const uint64_t bit = uint64_t{1} << number;
    if (bound > 0) sets.bounding |= bit;
    const auto holds = [&](cap_flag_t flag) {
      cap_flag_value_t value = CAP_CLEAR;
      return cap_get_flag(caps.get(), number, flag, &value) == 0 && value == CAP_SET;
    };
    if (holds(CAP_EFFECTIVE)) sets.effective |= bit;
    if (holds(CAP_PERMITTED)) sets.permitted |= bit;
    // An ambient capability is always permitted and inheritable: only those are worth a call.
    if (!holds(CAP_INHERITABLE)) continue;
    sets.inheritable |= bit;
    if (cap_get_ambient(number) > 0) sets.ambient |= bit;
  }
  return sets;
}

int32_t last_capability() {
  // libcap asked the kernel when it was loaded.
  return static_cast<int32_t>(cap_max_bits()) - 1;
}

}  // namespace holdfast
