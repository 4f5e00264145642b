#include "sandbox/launch/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace holdfast {

namespace {

// Room for an error text or a state document; longer text is cut (errors) or refused (documents).
constexpr size_t kMaxText = 64 * 1024;

struct Header {
  uint32_t type;
  int32_t value;
};

Failure failure_of(const Message& message) { return Failure(Error{message.text, message.value}); }

}  // namespace

Result<Channel::Pair> Channel::make() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return os_error("make a channel to the container");
  Pair pair{Channel(Fd(ends[0])), Channel(Fd(ends[1]))};
  // unix(7): each message then tells its sender's pid, in the receiver's pid namespace.
  const int on = 1;
  if (::setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    return os_error("ask for the sender of messages");
  return pair;
}

Result<> Channel::send(const Message& message, std::span<const int> fds) const {
  if (message.text.size() > kMaxText && message.type != MessageType::kFailed)
    return error("a message of {} bytes is too long for the channel", message.text.size());
  const Header header{static_cast<uint32_t>(message.type), message.value};
  std::string packet(reinterpret_cast<const char*>(&header), sizeof header);
  packet.append(message.text, 0, kMaxText);
  if (fds.empty()) {
    if (::write(socket_.get(), packet.data(), packet.size()) != std::ssize(packet))
      return os_error("write to the channel");
    return {};
  }
  iovec part{packet.data(), packet.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxDescriptors * sizeof(int))] = {};
  if (fds.size() > kMaxDescriptors) return error("{} descriptors in one message", fds.size());
  msghdr request{};
  request.msg_iov = &part;
  request.msg_iovlen = 1;
  request.msg_control = control;
  request.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* rights = CMSG_FIRSTHDR(&request);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  if (::sendmsg(socket_.get(), &request, MSG_NOSIGNAL) < 0)
    return os_error("send a descriptor over the channel");
  return {};
}

Result<Message> Channel::receive() const { return receive(0); }

Result<Message> Channel::receive(int flags) const {
  char packet[sizeof(Header) + kMaxText];  // not cleared: only what arrives is touched
  iovec part{packet, sizeof packet};
  alignas(cmsghdr) char
      control[CMSG_SPACE(kMaxDescriptors * sizeof(int)) + CMSG_SPACE(sizeof(ucred))] = {};
  msghdr request{};
  request.msg_iov = &part;
  request.msg_iovlen = 1;
  request.msg_control = control;
  request.msg_controllen = sizeof control;
  ssize_t got;
  // ECONNRESET: the other end closed with something of ours unread. It is told once, ahead of what
  // the other end had sent before: its error, most likely.
  bool reset = false;
  do got = ::recvmsg(socket_.get(), &request, MSG_CMSG_CLOEXEC | flags);
  while (got < 0 && (errno == EINTR || (errno == ECONNRESET && !std::exchange(reset, true))));
  if (got < 0) return os_error("read from the channel");
  if (got == 0) return error("the other end of the channel closed");
  Message message;
  for (cmsghdr* item = CMSG_FIRSTHDR(&request); item; item = CMSG_NXTHDR(&request, item)) {
    if (item->cmsg_level != SOL_SOCKET) continue;
    if (item->cmsg_type == SCM_RIGHTS) {
      int raw[kMaxDescriptors];
      const size_t size = std::min(item->cmsg_len - CMSG_LEN(0), sizeof raw);
      std::memcpy(raw, CMSG_DATA(item), size);
      for (size_t i = 0; i < size / sizeof(int); ++i) message.fds.emplace_back(raw[i]);
    } else if (item->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials;
      std::memcpy(&credentials, CMSG_DATA(item), sizeof credentials);
      message.sender = credentials.pid;
    }
  }
  if (static_cast<size_t>(got) < sizeof(Header)) return error("a short packet on the channel");
  Header header;
  std::memcpy(&header, packet, sizeof header);
  message.type = static_cast<MessageType>(header.type);
  message.value = header.value;
  message.text.assign(packet + sizeof header, static_cast<size_t>(got) - sizeof header);
  return message;
}

std::optional<Error> Channel::pending_failure() const {
  while (auto message = receive(MSG_DONTWAIT))
    if (message->type == MessageType::kFailed) return failure_of(*message).value();
  return std::nullopt;
}

Result<Message> Channel::expect(MessageType type) const {
  HF_TRY(Message message, receive());
  if (message.type == MessageType::kFailed) return failure_of(message);
  if (message.type != type)
    return error("unexpected message {} on the channel", static_cast<uint32_t>(message.type));
  return message;
}

Result<> Channel::await_continue() const {
  char packet[sizeof(Header) + 1];
  ssize_t got;
  do got = ::read(socket_.get(), packet, sizeof packet);
  while (got < 0 && errno == EINTR);
  if (got < 0) return os_error("read from the channel");
  if (got != sizeof(Header)) return error("the other end of the channel closed");
  return {};
}

Result<> Channel::wait_closed() const {
  char packet[sizeof(Header) + 4096];
  ssize_t got;
  bool reset = false;
  do got = ::read(socket_.get(), packet, sizeof packet);
  while (got < 0 && (errno == EINTR || (errno == ECONNRESET && !std::exchange(reset, true))));
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return {};
  if (got < 0) return os_error("read from the channel");
  if (static_cast<size_t>(got) < sizeof(Header)) return error("a short packet on the channel");
  Header header;
  std::memcpy(&header, packet, sizeof header);
  return Failure(Error{
      std::string(packet + sizeof header, static_cast<size_t>(got) - sizeof header), header.value});
}

}  // namespace holdfast
