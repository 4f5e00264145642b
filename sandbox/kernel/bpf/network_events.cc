#include "sandbox/kernel/bpf/network_events.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "sandbox/kernel/bpf/network_control.h"

namespace holdfast {
namespace {

// The layout of a ring buffer's memory (Documentation/bpf/ringbuf.rst): the reader's position, the
// writers', the data twice in a row, so that a record never breaks at the end.
constexpr uint32_t kBusy = 1U << 31, kDiscarded = 1U << 30, kHeader = 8;

size_t page() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

uint64_t nanoseconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

std::string address_text(const hf_net_event& seen) {
  char text[INET6_ADDRSTRLEN] = {};
  uint8_t bytes[16];
  std::memcpy(bytes, seen.address, sizeof bytes);
  constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(bytes, kMapped, sizeof kMapped) == 0)
    ::inet_ntop(AF_INET, bytes + 12, text, sizeof text);
  else
    ::inet_ntop(AF_INET6, bytes, text, sizeof text);
  return text;
}

std::string protocol_text(uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return "icmp";
    default:
      return fmt::format("{}", protocol);
  }
}

std::string target_text(const ConnectionRef& connection) {
  const bool v6 = connection.address.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}/{}", v6 ? "[" : "", connection.address, v6 ? "]" : "",
                     connection.port, connection.protocol);
}

std::string_view verdict_text(uint8_t verdict) {
  if (verdict == HF_NET_ALLOWED) return "allowed";
  return verdict == HF_NET_TOLD ? "against the profile, let through" : "refused";
}

struct Words {
  std::string_view rule, deed, attack;  // MITRE ATT&CK
};
Words words_of(uint8_t what) {
  switch (what) {
    case HF_NET_CONNECT:
      return {"network-egress", "connection to", "T1071"};
    case HF_NET_SEND:
      return {"network-egress", "datagram to", "T1071"};
    case HF_NET_BOUND:
      return {"network-bind", "socket bound to", "T1571"};
    case HF_NET_SOCKET:
      return {"network-raw-socket", "socket of protocol", "T1040"};
    case HF_NET_ARRIVED:
      return {"network-ingress", "packet from outside, from", "T1046"};
    default:
      return {"network-packet", "packet with another route, to", "T1090"};
  }
}

std::string fix_of(const hf_net_event& seen, const ConnectionRef& connection) {
  if (seen.what == HF_NET_SOCKET) return "set network.rawSockets in the profile";
  if (seen.what == HF_NET_BOUND || seen.what == HF_NET_ARRIVED)
    return fmt::format("add \"{}/{}\" to network.ingress of the profile", connection.port,
                       connection.protocol);
  if (seen.what == HF_NET_PACKET) return "leave out IP options and routing headers";
  return fmt::format(
      "add {{\"to\": \"{}\", \"ports\": [\"{}/{}\"]}} to network.egress of the profile",
      connection.address, connection.port, connection.protocol);
}

}  // namespace

Event network_event(const hf_net_event& seen, uint64_t clock_offset) {
  const Words words = words_of(seen.what);
  Event event;
  event.kind = EventKind::kNetwork;
  event.time = seen.time + clock_offset;
  event.rule = words.rule;
  event.count = 1 + seen.before;
  event.disposition = seen.verdict == HF_NET_REFUSED ? Disposition::kBlocked
                      : seen.verdict == HF_NET_TOLD  ? Disposition::kDetected
                                                     : Disposition::kAllowed;
  event.response = seen.verdict == HF_NET_REFUSED ? Response::kDeny : Response::kAlert;
  ConnectionRef connection{
      .outbound = seen.what != HF_NET_ARRIVED && seen.what != HF_NET_BOUND,
      .protocol =
          seen.what == HF_NET_SOCKET && seen.type == 3 ? "raw" : protocol_text(seen.protocol),
      .address = seen.what == HF_NET_SOCKET ? std::string() : address_text(seen),
      .port = seen.port};
  const bool metadata =
      connection.address == "169.254.169.254" || connection.address == "fd00:ec2::254";
  event.message =
      fmt::format("{} {}: {}", words.deed,
                  seen.what == HF_NET_SOCKET ? connection.protocol : target_text(connection),
                  verdict_text(seen.verdict));
  if (seen.verdict != HF_NET_ALLOWED) {
    event.severity = metadata                      ? Severity::kHigh
                     : seen.what == HF_NET_ARRIVED ? Severity::kLow
                                                   : Severity::kMedium;
    event.attack.emplace_back(metadata ? "T1552.005" : words.attack);
    event.fix = fix_of(seen, connection);
  }
  event.connection = std::move(connection);
  if (seen.pid != 0) {
    ProcessRef process;
    process.pid = static_cast<int32_t>(seen.pid);
    process.uid = seen.uid;
    process.exe.assign(seen.command, ::strnlen(seen.command, sizeof seen.command));
    event.processes.push_back(std::move(process));
  }
  return event;
}

Result<NetworkEvents> NetworkEvents::open(const Fd& cgroup) {
  NetworkEvents events;
  HF_TRY(const NetworkMaps maps, network_maps(cgroup));
  HF_TRY(const hf_net_scope scope, read_scope(maps));
  events.cgroup_ = maps.cgroup;
  events.slot_ = scope.slot;
  uint32_t ring = 0;
  HF_DO(with_context(bpf::look_up(maps.rings, &scope.slot, &ring), "ring of slot {}", scope.slot));
  HF_TRY(events.ring_, bpf::map_of(ring));
  HF_TRY(const bpf::MapInfo info, bpf::map_info(events.ring_));
  const size_t slot_page = scope.slot * sizeof(hf_net_slot) / page() * page();
  HF_TRY(events.slots_, bpf::SharedMemory::map(maps.slots, page(), slot_page));
  HF_TRY(events.consumer_, bpf::SharedMemory::map(events.ring_, page()));
  HF_TRY(events.producer_,
         bpf::SharedMemory::map(events.ring_, page() + 2 * size_t{info.entries}, page(), false));
  events.size_ = info.entries;
  return events;
}

hf_net_slot* NetworkEvents::slot() const {
  const size_t in_page = slot_ % (page() / sizeof(hf_net_slot));
  return static_cast<hf_net_slot*>(slots_.data()) + in_page;
}

size_t NetworkEvents::read(const std::function<void(Event)>& each, size_t most) {
  auto* position = static_cast<uint64_t*>(consumer_.data());
  const auto* written = static_cast<const uint64_t*>(producer_.data());
  const char* data = static_cast<const char*>(producer_.data()) + page();
  const uint64_t offset = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
  uint64_t at = __atomic_load_n(position, __ATOMIC_RELAXED);
  size_t count = 0;
  while (count < most && at < __atomic_load_n(written, __ATOMIC_ACQUIRE)) {
    const char* record = data + (at & (size_ - 1));
    const uint32_t header =
        __atomic_load_n(reinterpret_cast<const uint32_t*>(record), __ATOMIC_ACQUIRE);
    if (header & kBusy) break;
    const uint32_t length = header & ~kDiscarded;
    hf_net_event seen{};
    // One of a cgroup that had the slot before tells nothing about ours.
    if (!(header & kDiscarded) && length == sizeof seen) {
      std::memcpy(&seen, record + kHeader, sizeof seen);
      if (seen.cgroup == cgroup_) {
        each(network_event(seen, offset));
        ++count;
      }
    }
    at += (uint64_t{length} + kHeader + 7) / 8 * 8;
    __atomic_store_n(position, at, __ATOMIC_RELEASE);
  }
  return count;
}

uint64_t NetworkEvents::take_lost() {
  const uint64_t now = __atomic_load_n(&slot()->lost, __ATOMIC_RELAXED);
  return now - std::exchange(lost_, now);
}

void NetworkEvents::isolate(bool on) {
  __atomic_store_n(&slot()->isolated, on ? 1 : 0, __ATOMIC_RELEASE);
}

bool NetworkEvents::is_isolated() const {
  return __atomic_load_n(&slot()->isolated, __ATOMIC_ACQUIRE) != 0;
}

}  // namespace holdfast
