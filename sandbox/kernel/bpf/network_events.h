// What network control refused a container, and the first of what it allowed.
//
//   HF_TRY(NetworkEvents events, NetworkEvents::open(cgroup));   // its directory; before capabilities go
//   epoll: events.fd() is readable
//   HF_DO(events.read([&](Event event) { queue(std::move(event)); }));
//   events.isolate(true);                                        // memory alone: no call, no privilege
//   events.is_isolated()
//   events.take_lost()                                           // how many found no room meanwhile
//
// One container's ring has one reader. Everything is mapped when it is opened, so that a process without
// bpf(2) can go on with it.
#pragma once

#include <functional>

#include "core/event/event.h"
#include "sandbox/kernel/bpf/bpf_call.h"
#include "sandbox/kernel/bpf/network_abi.h"

namespace holdfast {

class NetworkEvents {
 public:
  // `cgroup`: the container's directory of version 2. Code ENOENT where no program of ours is attached.
  static Result<NetworkEvents> open(const Fd& cgroup);

  // Level-triggered readable while there is something to read.
  int fd() const { return ring_.get(); }
  // At most `most` events; how many there were. Container, profile and the parents of the process are the
  // caller's to add.
  size_t read(const std::function<void(Event)>& each, size_t most = 256);
  // Events that found the ring full, since the last call.
  uint64_t take_lost();

  // Cuts the container off: what is connected, too. Takes effect with the next packet.
  void isolate(bool on);
  bool is_isolated() const;

 private:
  NetworkEvents() = default;
  hf_net_slot* slot() const;

  uint64_t cgroup_ = 0;
  uint32_t slot_ = 0;
  uint64_t lost_ = 0;  // told already
  uint64_t size_ = 0;  // of the ring
  Fd ring_;
  bpf::SharedMemory slots_;     // the page with the slot
  bpf::SharedMemory consumer_;  // the reader's position
  bpf::SharedMemory producer_;  // the writers', and behind it the ring, twice
};

// Pure: the event as it is recorded, for its clock's distance to 1970.
Event network_event(const hf_net_event& seen, uint64_t clock_offset);

}  // namespace holdfast
