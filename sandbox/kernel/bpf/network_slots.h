// The slots that containers with network control have: a number for the ring of their events and for the
// flag that cuts them off.
//
//   HF_TRY(NetworkSlots slots, NetworkSlots::open(owners, slots_map));
//   HF_TRY(uint32_t slot, slots.claim(cgroup_id, cgroup));
//
// A slot belongs to the cgroup whose id stands in it. Ids are never used again, so one whose cgroup is gone
// is free: nothing has to be given back, and nobody can forget to.
#pragma once

#include <optional>

#include "sandbox/kernel/bpf/bpf_call.h"

namespace holdfast {

class NetworkSlots {
 public:
  static Result<NetworkSlots> open(const Fd& owners, Fd slots);

  // `any` is a descriptor of a directory of the same cgroup hierarchy.
  Result<uint32_t> claim(uint64_t cgroup, const Fd& any);

 private:
  NetworkSlots(bpf::SharedMemory owners, Fd slots)
      : owners_(std::move(owners)), slots_(std::move(slots)) {}
  uint64_t* owner(uint32_t slot) { return static_cast<uint64_t*>(owners_.data()) + slot; }
  std::optional<uint32_t> take_free(uint64_t cgroup, uint32_t count);
  Result<uint32_t> reset(uint32_t slot) const;

  bpf::SharedMemory owners_;
  Fd slots_;
};

}  // namespace holdfast
