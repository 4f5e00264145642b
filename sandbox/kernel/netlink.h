// rtnetlink(7), as far as moving devices needs it: requests with attributes, acknowledgements,
// dumps.
//
//   HF_TRY(Netlink link, Netlink::open());
//   NetlinkRequest request(RTM_NEWLINK, ifinfomsg{.ifi_index = 3});
//   request.add(IFLA_NET_NS_FD, uint32_t{fd});
//   HF_DO(link.execute(request));
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/fd.h"

namespace holdfast {

class NetlinkRequest {
 public:
  template <class Header>
  NetlinkRequest(uint16_t type, const Header& header, uint16_t flags = 0)
      : bytes_(NLMSG_ALIGN(sizeof(nlmsghdr)), '\0'), type_(type), flags_(flags) {
    append(&header, sizeof header);
  }
  void add(uint16_t attribute, std::string_view bytes) {
    const rtattr header{static_cast<uint16_t>(RTA_LENGTH(bytes.size())), attribute};
    append(&header, sizeof header);
    append(bytes.data(), bytes.size());
  }
  void add(uint16_t attribute, uint32_t value) {
    add(attribute, {reinterpret_cast<const char*>(&value), sizeof value});
  }
  // With its terminating zero byte.
  void add_name(uint16_t attribute, const std::string& name) {
    add(attribute, {name.c_str(), name.size() + 1});
  }

 private:
  friend class Netlink;
  void append(const void* from, size_t size) {
    bytes_.append(static_cast<const char*>(from), size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }

  std::string bytes_;
  uint16_t type_, flags_;
};

// One answer: the bytes after nlmsghdr, with the attributes behind the header of its type.
struct NetlinkMessage {
  uint16_t type = 0;
  std::string bytes;

  template <class Header>
  Header header() const {
    Header value{};
    std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
    return value;
  }
  // Attributes by number, behind a header of `header_size` bytes; a malformed rest is left out.
  std::map<uint16_t, std::string> attributes(size_t header_size) const;
};

class Netlink {
 public:
  // In the network namespace of the caller.
  static Result<Netlink> open();
  // In that of `netns`: entered for the making of the socket, and left again.
  static Result<Netlink> open_in(const Fd& netns);

  // Sends, waits for the acknowledgement; the kernel's errno is the error.
  Result<> execute(const NetlinkRequest& request) const;
  // Sends, collects the answers: all of a dump (NLM_F_DUMP), or the one.
  Result<std::vector<NetlinkMessage>> query(const NetlinkRequest& request) const;

 private:
  explicit Netlink(Fd socket) : socket_(std::move(socket)) {}
  Result<std::vector<NetlinkMessage>> transact(const NetlinkRequest& request, uint16_t flags) const;

  Fd socket_;
};

}  // namespace holdfast
