// Packets: what the runtime, the keeper and holdfastctl say to each other over SOCK_SEQPACKET sockets,
// one text each, descriptors beside it.
//
//   HF_DO(send_packet(socket, "ready 17"));
//   HF_TRY(Packet packet, receive_packet(socket));
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/fd.h"

namespace holdfast {

struct Packet {
  std::string text;
  std::vector<Fd> fds;
};

inline constexpr size_t kMaxPacket = 4096;

Result<> send_packet(const Fd& socket, std::string_view text, std::span<const int> fds = {});
// Blocks as long as the socket does. An end of file is an error: the other side is gone.
Result<Packet> receive_packet(const Fd& socket);

}  // namespace holdfast
