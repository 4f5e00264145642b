// bench_network: a request and its answer over the loopback device, under the rules of network control and
// without them, in turns.
//
//   bench_network [--iterations N]
//
// Both run in a cgroup of version 2 of their own, in one network namespace; the address is none of
// 127.0.0.0/8, so that the rules are looked up. The figures are round trips per second of one connection
// ("stream"), datagrams without connect ("datagram") and connections that are made and closed ("connect").
#include <arpa/inet.h>
#include <getopt.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "core/base/text.h"
#include "sandbox/kernel/bpf/network_control.h"
#include "sandbox/kernel/bpf/network_pins.h"
#include "sandbox/kernel/netlink.h"

namespace holdfast {
namespace {

constexpr char kAddress[] = "10.9.0.1";
constexpr int kRounds = 20000, kConnections = 4000;
constexpr size_t kSize = 64;

double now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) + double(time.tv_nsec) / 1e9;
}

sockaddr_in address(uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, kAddress, &to.sin_addr);
  return to;
}
const sockaddr* raw(const sockaddr_in& of) { return reinterpret_cast<const sockaddr*>(&of); }

Result<> make_network() {
  if (::unshare(CLONE_NEWNET) != 0) return os_error("unshare");
  HF_TRY(const Netlink netlink, Netlink::open());
  ifinfomsg up{};
  up.ifi_index = 1;
  up.ifi_flags = up.ifi_change = IFF_UP;
  HF_DO(netlink.execute(NetlinkRequest(RTM_NEWLINK, up)));
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = 32;
  header.ifa_index = 1;
  NetlinkRequest request(RTM_NEWADDR, header, NLM_F_CREATE);
  const sockaddr_in own = address(0);
  const std::string_view bytes(reinterpret_cast<const char*>(&own.sin_addr), 4);
  request.add(IFA_LOCAL, bytes);
  request.add(IFA_ADDRESS, bytes);
  return netlink.execute(request);
}

// Answers every message on the socket until the other side is gone.
[[noreturn]] void echo(int fd, bool datagrams) {
  char byte[kSize];
  sockaddr_in from{};
  while (true) {
    socklen_t size = sizeof from;
    const ssize_t got =
        ::recvfrom(fd, byte, sizeof byte, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0) ::_exit(0);
    const sockaddr* to = datagrams ? raw(from) : nullptr;
    if (::sendto(fd, byte, size_t(got), MSG_NOSIGNAL, to, datagrams ? sizeof from : 0) != got)
      ::_exit(0);
  }
}

double stream() {
  const int server = ::socket(AF_INET, SOCK_STREAM, 0), client = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in at = address(8080);
  if (::bind(server, raw(at), sizeof at) != 0 || ::listen(server, 5) != 0) return 0;
  if (::connect(client, raw(at), sizeof at) != 0) return 0;
  const int accepted = ::accept(server, nullptr, nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(client);
    echo(accepted, false);
  }
  ::close(accepted);
  const int on = 1;
  ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  char byte[kSize] = {};
  const double start = now();
  for (int i = 0; i < kRounds; ++i)
    if (::send(client, byte, kSize, 0) != ssize_t{kSize} ||
        ::recv(client, byte, kSize, MSG_WAITALL) != ssize_t{kSize})
      return 0;
  const double figure = kRounds / (now() - start);
  ::close(client);
  ::waitpid(pid, nullptr, 0);
  return figure;
}

double datagram() {
  const int server = ::socket(AF_INET, SOCK_DGRAM, 0), client = ::socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in at = address(8080);
  if (::bind(server, raw(at), sizeof at) != 0) return 0;
  const pid_t pid = ::fork();
  if (pid == 0) echo(server, true);
  char byte[kSize] = {};
  double figure = 0;
  const double start = now();
  for (int i = 0; i < kRounds; ++i) {
    if (::sendto(client, byte, sizeof byte, 0, raw(at), sizeof at) < 0 ||
        ::recv(client, byte, sizeof byte, 0) < 0)
      break;
    if (i == kRounds - 1) figure = kRounds / (now() - start);
  }
  // Our own child, not reaped yet.
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return figure;
}

double connections() {
  const int server = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in at = address(8080);
  if (::bind(server, raw(at), sizeof at) != 0 || ::listen(server, 5) != 0) return 0;
  const double start = now();
  for (int i = 0; i < kConnections; ++i) {
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (::connect(client, raw(at), sizeof at) != 0) return 0;
    ::close(::accept(server, nullptr, nullptr));
    ::close(client);
  }
  return kConnections / (now() - start);
}

struct Kind {
  const char* name;
  double (*measure)();
};
constexpr Kind kKinds[] = {{"stream", stream}, {"datagram", datagram}, {"connect", connections}};

// In the cgroup and a network namespace of its own.
Result<double> measure_in(const Fd& cgroup, const Kind& kind) {
  int channel[2];
  if (::pipe2(channel, O_CLOEXEC) != 0) return os_error("pipe");
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.cgroup = static_cast<uint64_t>(cgroup.get());
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (pid < 0) return os_error("clone into the cgroup");
  if (pid == 0) {
    double figure = 0;
    if (make_network()) figure = kind.measure();
    ::_exit(::write(channel[1], &figure, sizeof figure) > 0 ? 0 : 1);
  }
  ::close(channel[1]);
  const Fd reader(channel[0]);
  double figure = 0;
  const ssize_t got = ::read(reader.get(), &figure, sizeof figure);
  ::waitpid(pid, nullptr, 0);
  if (got <= 0 || figure <= 0) return error("{}: no figure", kind.name);
  return figure;
}

// The rules of a service with some peers: what is looked for stands last.
SupervisionPlan rules() {
  NetworkPlan network;
  network.egress.emplace();
  for (int i = 0; i < 12; ++i)
    network.egress->push_back({fmt::format("10.{}.0.0/16", 100 + i), Protocol::kTcp, {443, 443}});
  network.egress->push_back({"10.9.0.0/24", Protocol::kAny, {}});
  network.ingress = {{"10.9.0.0/24", Protocol::kAny, {8080, 8080}}};
  network.on_violation = Response::kIsolate;  // all programs
  SupervisionPlan plan;
  plan.network = std::move(network);
  return plan;
}

double median(std::vector<double> figures) {
  std::sort(figures.begin(), figures.end());
  return figures[figures.size() / 2];
}

class Cgroup {
 public:
  static Result<Cgroup> make(const std::string& name) {
    CgroupPlan plan;
    plan.path = name;
    HF_TRY(CgroupRecord record, plan_cgroups(plan, "bench", false));
    std::erase_if(record.directories, [](const auto& each) { return !each.controllers.empty(); });
    HF_DO(create_cgroups(record, {}, 0));
    return Cgroup(std::move(record));
  }
  Cgroup(Cgroup&& other) noexcept : record_(std::move(other.record_)) {
    other.record_.directories.clear();
  }
  Cgroup& operator=(Cgroup&&) = delete;
  ~Cgroup() {
    if (!record_.directories.empty()) (void)remove_cgroups(record_);
  }
  const CgroupRecord& record() const { return record_; }

 private:
  explicit Cgroup(CgroupRecord record) : record_(std::move(record)) {}
  CgroupRecord record_;
};

Result<> run(int iterations) {
  HF_TRY(const Cgroup plain, Cgroup::make("/holdfast-bench-plain"));
  HF_TRY(const Cgroup held, Cgroup::make("/holdfast-bench-network"));
  HF_DO(apply_network(rules(), held.record()));
  HF_TRY(const Fd plain_fd, v2_directory(plain.record()));
  HF_TRY(const Fd held_fd, v2_directory(held.record()));
  std::printf("loopback, median per second%13s%14s%8s\n", "without", "with rules", "ratio");
  for (const Kind& kind : kKinds) {
    std::vector<double> without, with;
    for (int i = 0; i < iterations; ++i) {
      // Who goes first changes, for what the machine does meanwhile.
      for (const bool rules : {i % 2 == 0, i % 2 != 0}) {
        HF_TRY(const double figure, measure_in(rules ? held_fd : plain_fd, kind));
        (rules ? with : without).push_back(figure);
      }
    }
    std::printf("%-27s%13.0f%14.0f%7.3fx\n", kind.name, median(without), median(with),
                median(with) / median(without));
  }
  return {};
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  int iterations = 15;
  constexpr option kOptions[] = {{"iterations", required_argument, nullptr, 'i'},
                                 {nullptr, 0, nullptr, 0}};
  for (int found; (found = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    const auto count = found == 'i' ? holdfast::parse_number<int>(optarg) : std::nullopt;
    if (!count || *count < 1) {
      std::fprintf(stderr, "usage: bench_network [--iterations N]\n");
      return 1;
    }
    iterations = *count;
  }
  const auto done = holdfast::run(iterations);
  if (done) return 0;
  std::fprintf(stderr, "bench_network: %s\n", done.error().message.c_str());
  return 1;
}
