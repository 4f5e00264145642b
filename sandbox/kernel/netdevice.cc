#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>

#include "sandbox/kernel/netlink.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

struct Link {
  int index = 0;
  bool up = false;
};

struct Address {
  ifaddrmsg header{};
  std::map<uint16_t, std::string> attributes;
};

// IFNAMSIZ counts the terminating zero; the kernel's dev_valid_name() refuses the rest.
bool valid_name(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         name.find_first_of("/: \t\n\v\f\r") == std::string::npos &&
         name.find('\0') == std::string::npos;
}

Result<Link> find_link(const Netlink& netlink, const std::string& name) {
  NetlinkRequest request(RTM_GETLINK, ifinfomsg{});
  request.add_name(IFLA_IFNAME, name);
  HF_TRY(const auto answers, netlink.query(request));
  if (answers.empty() || answers[0].type != RTM_NEWLINK) return error("unexpected answer");
  const auto header = answers[0].header<ifinfomsg>();
  return Link{header.ifi_index, (header.ifi_flags & IFF_UP) != 0};
}

Result<> set_up(const Netlink& netlink, int index, bool up) {
  ifinfomsg header{};
  header.ifi_index = index;
  header.ifi_change = IFF_UP;
  header.ifi_flags = up ? static_cast<unsigned>(IFF_UP) : 0U;
  return netlink.execute(NetlinkRequest(RTM_NEWLINK, header));
}

uint32_t flags_of(const Address& address) {
  const auto found = address.attributes.find(IFA_FLAGS);
  uint32_t flags = address.header.ifa_flags;
  if (found != address.attributes.end() && found->second.size() == sizeof flags)
    std::memcpy(&flags, found->second.data(), sizeof flags);
  return flags;
}

// Those that mean something elsewhere: of global scope, and configured rather than learnt.
Result<std::vector<Address>> addresses_of(const Netlink& netlink, int index) {
  HF_TRY(const auto answers, netlink.query(NetlinkRequest(RTM_GETADDR, ifaddrmsg{}, NLM_F_DUMP)));
  std::vector<Address> kept;
  for (const auto& answer : answers) {
    Address address{answer.header<ifaddrmsg>(), answer.attributes(sizeof(ifaddrmsg))};
    if (answer.type != RTM_NEWADDR || static_cast<int>(address.header.ifa_index) != index) continue;
    if (address.header.ifa_scope != RT_SCOPE_UNIVERSE || !(flags_of(address) & IFA_F_PERMANENT))
      continue;
    kept.push_back(std::move(address));
  }
  return kept;
}

Result<> add_address(const Netlink& netlink, int index, const Address& address) {
  ifaddrmsg header = address.header;
  header.ifa_index = static_cast<uint32_t>(index);
  header.ifa_flags = 0;
  NetlinkRequest request(RTM_NEWADDR, header, NLM_F_CREATE | NLM_F_EXCL);
  for (const uint16_t each : {IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST, IFA_RT_PRIORITY}) {
    const auto found = address.attributes.find(each);
    if (found != address.attributes.end()) request.add(each, found->second);
  }
  // The rest of the flags is the kernel's to set.
  request.add(IFA_FLAGS, flags_of(address) & (IFA_F_NODAD | IFA_F_NOPREFIXROUTE |
                                              IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR));
  return netlink.execute(request);
}

Result<> move_device(const Netlink& here, const Netlink& there, const Fd& netns,
                     const std::string& name, const std::string& new_name) {
  if (!valid_name(name)) return error("not the name of a device");
  if (!valid_name(new_name)) return error("\"{}\" is not the name of a device", new_name);
  HF_TRY(const Link link, with_context(find_link(here, name), "find it"));
  // The kernel moves first and renames then: a name that is taken would leave the device over there.
  if (const auto taken = find_link(there, new_name); taken || taken.error().code != ENODEV)
    return taken ? error("the container has a {} already", new_name) : Failure(taken.error());
  HF_TRY(const auto addresses, with_context(addresses_of(here, link.index), "its addresses"));
  // An interface that is up cannot be renamed.
  HF_DO(with_context(set_up(here, link.index, false), "set it down"));
  // Renamed in the same request: its old name may be taken there.
  ifinfomsg header{};
  header.ifi_index = link.index;
  NetlinkRequest move(RTM_NEWLINK, header);
  move.add_name(IFLA_IFNAME, new_name);
  move.add(IFLA_NET_NS_FD, static_cast<uint32_t>(netns.get()));
  if (auto moved = here.execute(move); !moved) {
    // It stays here, as it was found.
    if (link.up) (void)set_up(here, link.index, true);
    return with_context(std::move(moved), "move it as {}", new_name);
  }
  HF_TRY(const Link arrived, with_context(find_link(there, new_name), "find {}", new_name));
  for (const auto& address : addresses)
    HF_DO(with_context(add_address(there, arrived.index, address), "give {} its addresses",
                       new_name));
  if (link.up) HF_DO(with_context(set_up(there, arrived.index, true), "set {} up", new_name));
  return {};
}

}  // namespace

Result<> move_net_devices(const std::map<std::string, oci::NetDevice>& devices, const Fd& netns) {
  if (devices.empty()) return {};
  HF_TRY(const Netlink here, with_context(Netlink::open(), "net devices"));
  HF_TRY(const Netlink there, with_context(Netlink::open_in(netns), "net devices"));
  for (const auto& [name, device] : devices)
    HF_DO(with_context(
        move_device(here, there, netns, name, device.name.empty() ? name : device.name),
        "net device {}", name));
  return {};
}

}  // namespace holdfast
