#include "sandbox/kernel/netlink.h"

#include <sched.h>
#include <sys/socket.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr uint32_t kSequence = 1;
constexpr size_t kBuffer = 64 << 10;  // an answer is 32 KiB at most

// What one datagram says: more to come, or the end with the kernel's verdict.
struct Progress {
  bool done = false;
  int code = 0;
};

Progress take_datagram(std::string_view data, bool dump, std::vector<NetlinkMessage>& answers) {
  while (data.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, data.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > data.size()) return {true, EBADMSG};
    const std::string_view body =
        data.substr(NLMSG_HDRLEN, header.nlmsg_len - static_cast<size_t>(NLMSG_HDRLEN));
    data.remove_prefix(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), data.size()));
    if (header.nlmsg_seq != kSequence) continue;
    if (header.nlmsg_type == NLMSG_DONE) return {true, 0};
    if (header.nlmsg_type == NLMSG_ERROR) {
      int code = -EBADMSG;
      if (body.size() >= sizeof code) std::memcpy(&code, body.data(), sizeof code);
      return {true, -code};
    }
    answers.push_back({header.nlmsg_type, std::string(body)});
    if (!dump && !(header.nlmsg_flags & NLM_F_MULTI)) return {true, 0};
  }
  return {};
}

}  // namespace

std::map<uint16_t, std::string> NetlinkMessage::attributes(size_t header_size) const {
  std::map<uint16_t, std::string> found;
  std::string_view rest = bytes;
  rest.remove_prefix(std::min<size_t>(NLMSG_ALIGN(header_size), rest.size()));
  while (rest.size() >= sizeof(rtattr)) {
    rtattr header{};
    std::memcpy(&header, rest.data(), sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > rest.size()) break;
    found.emplace(static_cast<uint16_t>(header.rta_type & NLA_TYPE_MASK),
                  rest.substr(sizeof header, header.rta_len - sizeof header));
    rest.remove_prefix(std::min<size_t>(RTA_ALIGN(header.rta_len), rest.size()));
  }
  return found;
}

Result<Netlink> Netlink::open() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return os_error("make a netlink socket");
  return Netlink(std::move(socket));
}

Result<Netlink> Netlink::open_in(const Fd& netns) {
  HF_TRY(const DirFd self, DirFd::open("/proc/self/ns"));
  HF_TRY(const Fd own, self.open_at("net", O_RDONLY));
  if (::setns(netns.get(), CLONE_NEWNET) != 0) return os_error("enter the network namespace");
  auto made = open();
  if (::setns(own.get(), CLONE_NEWNET) != 0) return os_error("leave the network namespace");
  return made;
}

Result<std::vector<NetlinkMessage>> Netlink::transact(const NetlinkRequest& request,
                                                      uint16_t flags) const {
  std::string bytes = request.bytes_;
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(bytes.size());
  header.nlmsg_type = request.type_;
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | request.flags_ | flags);
  header.nlmsg_seq = kSequence;
  std::memcpy(bytes.data(), &header, sizeof header);
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) != std::ssize(bytes))
    return os_error("netlink request");
  std::vector<NetlinkMessage> answers;
  std::string buffer(kBuffer, '\0');
  const bool dump = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  while (true) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("netlink answer");
    const Progress progress =
        take_datagram(std::string_view(buffer).substr(0, static_cast<size_t>(got)), dump, answers);
    if (!progress.done) continue;
    if (progress.code != 0) return os_error_of(progress.code, "netlink");
    return answers;
  }
}

Result<> Netlink::execute(const NetlinkRequest& request) const {
  HF_TRY(const auto answers, transact(request, NLM_F_ACK));
  (void)answers;
  return {};
}

Result<std::vector<NetlinkMessage>> Netlink::query(const NetlinkRequest& request) const {
  return transact(request, 0);
}

}  // namespace holdfast
