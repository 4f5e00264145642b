#include "sandbox/kernel/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

namespace holdfast {
namespace {

Result<sockaddr_un> address_of(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return error("connect {}: not a path for a socket", path);
  path.copy(address.sun_path, path.size());
  return address;
}

}  // namespace

Result<Fd> connect_unix(const std::string& path) {
  std::string reachable = path;
  DirFd directory;
  if (path.size() >= sizeof sockaddr_un{}.sun_path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return error("connect {}: path too long", path);
    HF_TRY(directory, DirFd::open(path.substr(0, slash + 1), O_PATH));
    reachable = fmt::format("/proc/self/fd/{}/{}", directory.get(), path.substr(slash + 1));
  }
  HF_TRY(const sockaddr_un address, address_of(reachable));
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return os_error("make a unix socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return os_error("connect {}", path);
  return socket;
}

Result<> send_descriptor(const Fd& socket, const Fd& descriptor, std::string_view data) {
  if (data.empty()) return error("send a descriptor: no data to attach it to");
  iovec part{const_cast<char*>(data.data()), data.size()};
  const int raw = descriptor.get();
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof raw)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof raw);
  std::memcpy(CMSG_DATA(header), &raw, sizeof raw);
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return os_error("send a descriptor");
  data.remove_prefix(static_cast<size_t>(sent));
  while (!data.empty()) {
    sent = ::send(socket.get(), data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return os_error("send");
    data.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

}  // namespace holdfast
