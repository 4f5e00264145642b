// Sockets: forged packets, families that the network's rules do not see, old protocol code.
#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

Outcome made(int family, int type, int protocol) {
  return by_result(socket(family, type | SOCK_CLOEXEC, protocol));
}

// Sends a message to the kernel and gives its answer: 0, or -1 with errno.
int ask(int protocol, nlmsghdr* message) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return -1;
  message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  alignas(nlmsghdr) char answer[4096];
  if (send(fd, message, message->nlmsg_len, 0) < 0 || recv(fd, answer, sizeof answer, 0) < 0)
    return -1;
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
  if (header->nlmsg_type != NLMSG_ERROR) return 0;
  errno = -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
  return errno == 0 ? 0 : -1;
}

struct Link {
  nlmsghdr header;
  ifinfomsg info;
  rtattr name_header;
  char name[8];
  rtattr kind_outer;
  rtattr kind_header;
  char kind[8];
};

Outcome add_a_link() {
  Link link{};
  link.header.nlmsg_len = sizeof link;
  link.header.nlmsg_type = RTM_NEWLINK;
  link.header.nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
  link.name_header = {sizeof(rtattr) + sizeof link.name, IFLA_IFNAME};
  strcpy(link.name, "evil0");
  link.kind_outer = {sizeof(rtattr) * 2 + sizeof link.kind, IFLA_LINKINFO};
  link.kind_header = {sizeof(rtattr) + sizeof link.kind, IFLA_INFO_KIND};
  strcpy(link.kind, "bridge");
  const int result = ask(NETLINK_ROUTE, &link.header);
  return by_effect(result, [&] { return if_nametoindex("evil0") != 0; });
}

struct AuditRecord {
  nlmsghdr header;
  char text[32];
};

Outcome audit_record() {
  AuditRecord record{};
  record.header.nlmsg_len = sizeof record;
  record.header.nlmsg_type = AUDIT_USER;
  strcpy(record.text, "holdfast escape test");
  return by_result(ask(NETLINK_AUDIT, &record.header));
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// --- not an attack: what must keep working ---

Outcome ping() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (fd < 0) return denied();
  icmphdr request{};
  request.type = ICMP_ECHO;
  const sockaddr_in address = loopback(0);
  const auto sent = sendto(fd, &request, sizeof request, 0,
                           reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // The network namespace of a bare bundle has no device up: the packet has no way, not no leave.
  return by_gate(sent, ENETUNREACH);
}

Outcome low_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(80);
  // A device that is down leaves 127.0.0.1 without an owner, which is judged after the port.
  return by_gate(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address),
                 EADDRNOTAVAIL);
}

constexpr Action kActions[] = {
    {"raw-socket", "forged packets", [] { return made(AF_INET, SOCK_RAW, IPPROTO_ICMP); }},
    {"raw-socket-v6", "forged packets", [] { return made(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6); }},
    {"packet-socket", "read and forge the network's frames",
     [] { return made(AF_PACKET, SOCK_RAW, 0); }},
    {"af-alg", "the kernel's ciphers, a source of exploits",
     [] { return made(AF_ALG, SOCK_SEQPACKET, 0); }},
    {"af-vsock", "the hypervisor, past the network's rules",
     [] { return made(AF_VSOCK, SOCK_STREAM, 0); }},
    {"netlink-add-link", "network devices", add_a_link},
    {"netlink-audit", "forged records in the host's audit log", audit_record},
    {"ping", "nothing: it must keep working", ping},
    {"bind-port-80", "nothing: it must keep working", low_port},
};

}  // namespace

std::span<const Action> socket_actions() { return kActions; }

}  // namespace holdfast::escape
