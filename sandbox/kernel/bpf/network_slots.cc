#include "sandbox/kernel/bpf/network_slots.h"

#include <fcntl.h>

#include <optional>

#include "sandbox/kernel/bpf/network_abi.h"
#include "sandbox/kernel/bpf/network_pins.h"

namespace holdfast {
namespace {

constexpr size_t kOwnersSize = (HF_NET_SLOTS + 1) * sizeof(uint64_t);

// Whether the cgroup is gone: kernfs finds a directory by its id (FILEID_KERNFS). Where we may not ask it
// counts as there.
bool is_gone(uint64_t cgroup, const Fd& any) {
  struct {
    file_handle handle;
    uint64_t id;
  } file{};
  constexpr int kKernfs = 0xfe;
  file.handle.handle_bytes = sizeof cgroup;
  file.handle.handle_type = kKernfs;
  file.id = cgroup;  // f_handle
  const Fd found(::open_by_handle_at(any.get(), &file.handle, O_PATH | O_CLOEXEC));
  return !found && errno == ESTALE;
}

}  // namespace

Result<NetworkSlots> NetworkSlots::open(const Fd& owners, Fd slots) {
  HF_TRY(bpf::SharedMemory shared, bpf::SharedMemory::map(owners, kOwnersSize));
  return NetworkSlots(std::move(shared), std::move(slots));
}

std::optional<uint32_t> NetworkSlots::take_free(uint64_t cgroup, uint32_t count) {
  for (uint32_t slot = 0; slot < count; ++slot) {
    uint64_t nobody = 0;
    if (__atomic_load_n(owner(slot), __ATOMIC_RELAXED) == 0 &&
        __atomic_compare_exchange_n(owner(slot), &nobody, cgroup, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED))
      return slot;
  }
  return std::nullopt;
}

Result<uint32_t> NetworkSlots::claim(uint64_t cgroup, const Fd& any) {
  while (true) {
    const auto count =
        static_cast<uint32_t>(__atomic_load_n(owner(HF_NET_SLOTS), __ATOMIC_ACQUIRE));
    if (const auto slot = take_free(cgroup, count)) return reset(*slot);
    for (uint32_t slot = 0; slot < count; ++slot) {
      uint64_t id = __atomic_load_n(owner(slot), __ATOMIC_RELAXED);
      if (id != 0 && is_gone(id, any))
        __atomic_compare_exchange_n(owner(slot), &id, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
    if (const auto slot = take_free(cgroup, count)) return reset(*slot);
    if (count >= HF_NET_SLOTS) return error("{} containers have network control already", count);
    HF_DO(add_network_rings());
  }
}

Result<uint32_t> NetworkSlots::reset(uint32_t slot) const {
  const hf_net_slot fresh{};
  HF_DO(bpf::update(slots_, &slot, &fresh));
  return slot;
}

}  // namespace holdfast
