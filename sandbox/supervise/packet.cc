#include "sandbox/supervise/packet.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace holdfast {
namespace {

constexpr size_t kMaxDescriptors = 4;

}  // namespace

Result<> send_packet(const Fd& socket, std::string_view text, std::span<const int> fds) {
  if (fds.size() > kMaxDescriptors) return error("{} descriptors in one packet", fds.size());
  text = text.substr(0, kMaxPacket);
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  if (::sendmsg(socket.get(), &message, MSG_NOSIGNAL) < 0) return os_error("send a packet");
  return {};
}

Result<Packet> receive_packet(const Fd& socket) {
  char text[kMaxPacket];
  iovec part{text, sizeof text};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) return os_error("receive a packet");
  if (got == 0) return error("the other end of the socket closed");
  Packet packet;
  packet.text.assign(text, static_cast<size_t>(got));
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    int raw[kMaxDescriptors];
    const size_t size = std::min(item->cmsg_len - CMSG_LEN(0), sizeof raw);
    std::memcpy(raw, CMSG_DATA(item), size);
    for (size_t i = 0; i < size / sizeof(int); ++i) packet.fds.emplace_back(raw[i]);
  }
  return packet;
}

}  // namespace holdfast
