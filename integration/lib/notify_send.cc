// notify_send MESSAGE...: sends each as one datagram to $NOTIFY_SOCKET; "\n" in one is a new line, and
// "*N" N bytes of 'x'. With "fd:MESSAGE" standard input is sent along. Exit status 0 if all were taken.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

std::string message_of(std::string_view text) {
  if (text.starts_with('*'))
    return std::string(std::strtoul(std::string(text.substr(1)).c_str(), nullptr, 10), 'x');
  std::string message(text);
  for (size_t at = message.find("\\n"); at != message.npos; at = message.find("\\n", at + 1))
    message.replace(at, 2, "\n");
  return message;
}

bool send_one(int socket, std::string_view text) {
  const bool with_descriptor = text.starts_with("fd:");
  std::string message = message_of(with_descriptor ? text.substr(3) : text);
  iovec part{message.data(), message.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (with_descriptor) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* const first = CMSG_FIRSTHDR(&header);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(sizeof(int));
    const int descriptor = STDIN_FILENO;
    std::memcpy(CMSG_DATA(first), &descriptor, sizeof descriptor);
  }
  return ::sendmsg(socket, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
}

}  // namespace

int main(int argc, char** argv) {
  const char* path = ::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!path || std::strlen(path) >= sizeof address.sun_path) return 2;
  std::strcpy(address.sun_path, path);
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::perror(path);
    return 1;
  }
  for (int i = 1; i < argc; ++i)
    if (!send_one(socket, argv[i])) {
      std::perror("send");
      return 1;
    }
  return 0;
}
