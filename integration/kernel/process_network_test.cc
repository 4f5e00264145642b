// Host interfaces moved into a network namespace: a veth pair between two namespaces of the test's.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>

#include "integration/kernel/process_support.h"
#include "sandbox/kernel/netlink.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

using testing_support::check;
using testing_support::in_child;
using testing_support::same;

std::string bytes_of(std::string_view address, int family) {
  std::string bytes(family == AF_INET ? 4 : 16, '\0');
  EXPECT_EQ(::inet_pton(family, std::string(address).c_str(), bytes.data()), 1) << address;
  return bytes;
}

Result<> make_veth(const Netlink& netlink, const std::string& name) {
  // IFLA_LINKINFO { IFLA_INFO_KIND = "veth" }, written by hand: the request has no nesting.
  std::string info;
  const rtattr kind{RTA_LENGTH(4), IFLA_INFO_KIND};
  info.append(reinterpret_cast<const char*>(&kind), sizeof kind);
  info.append("veth");
  NetlinkRequest request(RTM_NEWLINK, ifinfomsg{}, NLM_F_CREATE | NLM_F_EXCL);
  request.add_name(IFLA_IFNAME, name);
  request.add(IFLA_LINKINFO, info);
  return netlink.execute(request);
}

Result<> add_address(const Netlink& netlink, const std::string& name, std::string_view text,
                     uint8_t prefix, uint8_t scope) {
  const int family = text.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(family);
  header.ifa_prefixlen = prefix;
  header.ifa_scope = scope;
  header.ifa_index = ::if_nametoindex(name.c_str());
  NetlinkRequest request(RTM_NEWADDR, header, NLM_F_CREATE | NLM_F_EXCL);
  request.add(IFA_LOCAL, bytes_of(text, family));
  request.add(IFA_ADDRESS, bytes_of(text, family));
  return netlink.execute(request);
}

// "10.9.8.7/24 fd00::1/64" of one interface, those of link scope left out unless asked for.
Result<std::string> addresses(const Netlink& netlink, const std::string& name) {
  HF_TRY(const auto answers, netlink.query(NetlinkRequest(RTM_GETADDR, ifaddrmsg{}, NLM_F_DUMP)));
  std::vector<std::string> found;
  for (const auto& answer : answers) {
    const auto header = answer.header<ifaddrmsg>();
    if (header.ifa_index != ::if_nametoindex(name.c_str())) continue;
    // The kernel's own of a v6 interface that is up.
    if (header.ifa_family == AF_INET6 && header.ifa_scope == RT_SCOPE_LINK) continue;
    auto attributes = answer.attributes(sizeof header);
    char text[INET6_ADDRSTRLEN] = {};
    ::inet_ntop(header.ifa_family, attributes[IFA_ADDRESS].data(), text, sizeof text);
    found.push_back(fmt::format("{}/{}", text, header.ifa_prefixlen));
  }
  return join(found, " ");
}

Result<Fd> network_namespace() {
  Fd fd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!fd) return os_error("open ns/net");
  return fd;
}

// The "host" is the namespace that the child is in when `body` runs; `container` is the other one.
std::string between(const std::function<Result<>(const Netlink& host, const Fd& container)>& body) {
  return in_child([&]() -> Result<> {
    if (::unshare(CLONE_NEWNET) != 0) return os_error("unshare");
    HF_TRY(const Fd container, network_namespace());
    if (::unshare(CLONE_NEWNET) != 0) return os_error("unshare");
    HF_TRY(const Netlink host, Netlink::open());
    return body(host, container);
  });
}

Result<> enter(const Fd& container) {
  if (::setns(container.get(), CLONE_NEWNET) != 0) return os_error("setns");
  return {};
}

Result<bool> is_up(const Netlink& netlink, const std::string& name) {
  NetlinkRequest request(RTM_GETLINK, ifinfomsg{});
  request.add_name(IFLA_IFNAME, name);
  HF_TRY(const auto answers, netlink.query(request));
  return !answers.empty() && (answers[0].header<ifinfomsg>().ifi_flags & IFF_UP) != 0;
}

Result<> set_up(const Netlink& netlink, const std::string& name) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(::if_nametoindex(name.c_str()));
  header.ifi_change = header.ifi_flags = IFF_UP;
  return netlink.execute(NetlinkRequest(RTM_NEWLINK, header));
}

TEST(NetDevice, IsRenamedAndKeepsGlobalAddressesAndItsUpState) {
  EXPECT_EQ(between([](const Netlink& host, const Fd& container) -> Result<> {
              HF_DO(make_veth(host, "hf0"));
              HF_DO(add_address(host, "hf0", "10.9.8.7", 24, RT_SCOPE_UNIVERSE));
              HF_DO(add_address(host, "hf0", "169.254.7.7", 16, RT_SCOPE_LINK));
              HF_DO(add_address(host, "hf0", "fd00:77::1", 64, RT_SCOPE_UNIVERSE));
              HF_DO(set_up(host, "hf0"));
              HF_DO(move_net_devices({{"hf0", {"eth5"}}}, container));
              HF_DO(check(::if_nametoindex("hf0") == 0, "still on the host"));
              HF_DO(enter(container));
              HF_TRY(const Netlink inside, Netlink::open());
              HF_TRY(const std::string kept, addresses(inside, "eth5"));
              HF_DO(same(kept, "10.9.8.7/24 fd00:77::1/64", "addresses"));
              HF_TRY(const bool up, is_up(inside, "eth5"));
              return check(up, "down");
            }),
            "");
}

TEST(NetDevice, OneThatWasDownStaysDownAndKeepsItsName) {
  EXPECT_EQ(between([](const Netlink& host, const Fd& container) -> Result<> {
              HF_DO(make_veth(host, "hf0"));
              HF_DO(move_net_devices({{"hf0", {}}}, container));
              HF_DO(enter(container));
              HF_TRY(const Netlink inside, Netlink::open());
              HF_TRY(const bool up, is_up(inside, "hf0"));
              return check(!up, "up");
            }),
            "");
}

TEST(NetDevice, TheCallerStaysInItsOwnNamespace) {
  EXPECT_EQ(between([](const Netlink& host, const Fd& container) -> Result<> {
              HF_DO(make_veth(host, "hf0"));
              struct stat before {
              }, after{};
              ::stat("/proc/self/ns/net", &before);
              HF_DO(move_net_devices({{"hf0", {}}}, container));
              ::stat("/proc/self/ns/net", &after);
              return same(after.st_ino, before.st_ino, "namespace");
            }),
            "");
}

TEST(NetDevice, AMissingOneIsNamed) {
  EXPECT_EQ(between([](const Netlink&, const Fd& container) -> Result<> {
              return move_net_devices({{"hf9", {}}}, container);
            }),
            "net device hf9: find it: netlink: no such device");
}

TEST(NetDevice, ATakenNameIsAnErrorAndTheDeviceStaysAsItWas) {
  EXPECT_EQ(between([](const Netlink& host, const Fd& container) -> Result<> {
              HF_DO(make_veth(host, "hf0"));
              HF_DO(set_up(host, "hf0"));
              const auto moved = move_net_devices({{"hf0", {"lo"}}}, container);
              HF_DO(check(!moved, "moved"));
              HF_DO(same(moved.error().message, "net device hf0: the container has a lo already",
                         "error"));
              HF_TRY(const bool up, is_up(host, "hf0"));
              return check(up, "down");
            }),
            "");
}

TEST(NetDevice, NamesThatNoDeviceCanHaveAreRefused) {
  EXPECT_EQ(between([](const Netlink& host, const Fd& container) -> Result<> {
              HF_DO(make_veth(host, "hf0"));
              for (const char* name : {"a/b", "..", "a b", "sixteen-letters-", "a:1"})
                HF_DO(check(!move_net_devices({{"hf0", {name}}}, container), name));
              return check(::if_nametoindex("hf0") != 0, "moved");
            }),
            "");
}

}  // namespace
}  // namespace holdfast
