// A cgroup under network control, and processes in it with a network namespace of their own.
#pragma once

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "integration/kernel/cgroup_fixture.h"
#include "sandbox/kernel/bpf/network_control.h"
#include "sandbox/kernel/bpf/network_pins.h"
#include "sandbox/kernel/netlink.h"

namespace holdfast::testing_network {

// An address of either family with a port.
struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;
  int family() const { return address.ss_family; }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&address); }
};
inline Target target(const char* text, uint16_t port) {
  Target to;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&to.address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&to.address);
  if (::inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    to.size = sizeof *v4;
  } else {
    EXPECT_EQ(::inet_pton(AF_INET6, text, &v6->sin6_addr), 1) << text;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    to.size = sizeof *v6;
  }
  return to;
}

// What became of a call: "ok", "EPERM", "ECONNREFUSED", ...
inline std::string outcome(long result) { return result >= 0 ? "ok" : ::strerrorname_np(errno); }

inline std::string connects(const char* address, uint16_t port, int type = SOCK_STREAM,
                            int protocol = 0) {
  const Target to = target(address, port);
  const Fd fd(::socket(to.family(), type | SOCK_CLOEXEC, protocol));
  if (!fd) return "socket " + outcome(-1);
  return outcome(::connect(fd.get(), to.raw(), to.size));
}
inline std::string sends(const char* address, uint16_t port, int flags = 0, int type = SOCK_DGRAM) {
  const Target to = target(address, port);
  const Fd fd(::socket(to.family(), type | SOCK_CLOEXEC, 0));
  return outcome(::sendto(fd.get(), "x", 1, flags | MSG_NOSIGNAL, to.raw(), to.size));
}
inline std::string binds(const char* address, uint16_t port, int type = SOCK_STREAM) {
  const Target to = target(address, port);
  const Fd fd(::socket(to.family(), type | SOCK_CLOEXEC, 0));
  return outcome(::bind(fd.get(), to.raw(), to.size));
}
inline std::string opens(int family, int type, int protocol) {
  const Fd fd(::socket(family, type | SOCK_CLOEXEC, protocol));
  return outcome(fd.get());
}
// A socket that is bound to this address.
inline Fd socket_at(const char* address, uint16_t port, int type) {
  const Target from = target(address, port);
  Fd fd(::socket(from.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::bind(fd.get(), from.raw(), from.size) != 0) return Fd();
  return fd;
}
// Whether a connection stands within a moment; a dropped packet is silence.
inline std::string reaches(const Fd& fd, const char* address, uint16_t port) {
  const Target to = target(address, port);
  if (::connect(fd.get(), to.raw(), to.size) != 0 && errno != EINPROGRESS) return outcome(-1);
  pollfd ready{.fd = fd.get(), .events = POLLOUT, .revents = 0};
  if (::poll(&ready, 1, 300) == 0) return "silence";
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &code, &size);
  errno = code;
  return code ? outcome(-1) : "ok";
}
inline std::string reaches(const char* address, uint16_t port) {
  const int family = target(address, port).family();
  return reaches(Fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), address,
                 port);
}
inline Fd listens(const char* address, uint16_t port) {
  const Target to = target(address, port);
  Fd fd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (port != 0 && ::bind(fd.get(), to.raw(), to.size) != 0) return Fd();
  if (::listen(fd.get(), 5) != 0) return Fd();
  return fd;
}
inline uint16_t port_of(const Fd& fd) {
  sockaddr_in6 own{};
  socklen_t size = sizeof own;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &size);
  return ntohs(own.sin6_port);
}

inline Result<> add_address(const Netlink& netlink, const char* text) {
  const Target to = target(text, 0);
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(to.family());
  header.ifa_prefixlen = to.family() == AF_INET ? 32 : 128;
  header.ifa_index = 1;     // the loopback device
  header.ifa_flags = 0x02;  // IFA_F_NODAD
  NetlinkRequest request(RTM_NEWADDR, header, NLM_F_CREATE | NLM_F_EXCL);
  const void* bytes =
      to.family() == AF_INET
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(to.raw())->sin_addr)
          : &reinterpret_cast<const sockaddr_in6*>(to.raw())->sin6_addr;
  const std::string_view value(static_cast<const char*>(bytes), to.family() == AF_INET ? 4 : 16);
  request.add(IFA_LOCAL, value);
  request.add(IFA_ADDRESS, value);
  return netlink.execute(request);
}

// "Others" of these tests: addresses of the loopback device that are not loopback addresses.
inline Result<> make_network() {
  if (::unshare(CLONE_NEWNET) != 0) return os_error("unshare");
  HF_TRY(const Netlink netlink, Netlink::open());
  ifinfomsg up{};
  up.ifi_index = 1;
  up.ifi_flags = up.ifi_change = IFF_UP;
  HF_DO(netlink.execute(NetlinkRequest(RTM_NEWLINK, up)));
  for (const char* each : {"10.9.0.1", "10.8.0.1", "8.8.8.8", "169.254.169.254", "fd09::1"})
    HF_DO(add_address(netlink, each));
  return {};
}

class NetworkTest : public CgroupTest {
 protected:
  static void SetUpTestSuite() { had_bpffs_ = !find_bpffs().empty(); }
  static void TearDownTestSuite() {
    if (had_bpffs_) return;
    const std::string own = fmt::format("{}/bpf", kNetworkDirectory);
    ::umount2(own.c_str(), MNT_DETACH);
  }

  void SetUp() override {
    CgroupTest::SetUp();
    if (IsSkipped()) return;
    if (const auto why = network_obstacle(); !why.empty()) GTEST_SKIP() << why;
    supervision_.network.emplace();
  }

  NetworkPlan& network() { return *supervision_.network; }
  // A cgroup with the plan's rules.
  void control() {
    make();
    ASSERT_DONE(apply_network(supervision_, record_));
  }
  Fd directory() {
    auto fd = v2_directory(record_);
    EXPECT_TRUE(fd) << text(fd.error());
    return std::move(*fd);
  }

  // What `body` says, run by a process in the cgroup and in a network namespace of its own. The sockets that
  // `outer` makes there first belong to a process outside of the cgroup, and so are not held to its rules.
  std::string inside(
      const std::function<std::string()>& body, int cgroup = -1,
      const std::function<void()>& outer = [] {}) {
    const Fd own = directory();
    int channel[2];
    EXPECT_EQ(::pipe2(channel, O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const auto made = make_network();
      if (!made) {
        (void)!::write(channel[1], made.error().message.data(), made.error().message.size());
        ::_exit(1);
      }
      outer();
      clone_args arguments{};
      arguments.exit_signal = SIGCHLD;
      arguments.flags = CLONE_INTO_CGROUP;
      arguments.cgroup = static_cast<uint64_t>(cgroup >= 0 ? cgroup : own.get());
      const auto inner = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
      if (inner == 0) {
        const std::string said = body();
        (void)!::write(channel[1], said.data(), said.size());
        ::_exit(0);
      }
      int status = 1;
      ::waitpid(inner, &status, 0);
      ::_exit(inner > 0 && status == 0 ? 0 : 1);
    }
    EXPECT_GT(pid, 0);
    ::close(channel[1]);
    const Fd reader(channel[0]);
    auto said = read_all(reader, 1 << 16);
    EXPECT_EQ(status_of(pid), 0);
    return said ? *said : text(said.error());
  }

  SupervisionPlan supervision_;
  static inline bool had_bpffs_ = false;
};

}  // namespace holdfast::testing_network
