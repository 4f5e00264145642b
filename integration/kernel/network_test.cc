// Network control by BPF: what the processes of a cgroup can reach, effects first.
#include "integration/kernel/network_support.h"

#include "sandbox/kernel/bpf/network_events.h"
#include "sandbox/kernel/bpf/network_scope.h"
#include "sandbox/kernel/bpf/network_slots.h"
#include "sandbox/kernel/nftables.h"

namespace holdfast {
namespace {

const std::vector<NetworkRule> kNothing;

using namespace testing_network;

const NetworkRule kDatabase{"10.9.0.0/24", Protocol::kTcp, {5432, 5432}};

TEST_F(NetworkTest, OnlyNamedNetworksAndPortsAreReached) {
  network() = {.egress = {{kDatabase}}};
  control();
  EXPECT_EQ(inside([] { return connects("10.9.0.1", 5432); }), "ECONNREFUSED");
  EXPECT_EQ(inside([] { return connects("10.9.0.1", 80); }), "EPERM");
  EXPECT_EQ(inside([] { return connects("10.8.0.1", 5432); }), "EPERM");
  EXPECT_EQ(inside([] { return connects("169.254.169.254", 80); }), "EPERM");
  EXPECT_EQ(inside([] { return connects("fd09::1", 5432); }), "EPERM");
  EXPECT_EQ(inside([] { return connects("10.9.0.1", 5432, SOCK_DGRAM); }), "EPERM");
}

TEST_F(NetworkTest, ThePlanReadsBackAsItIs) {
  network() = {.egress = {{kDatabase}}, .ingress = kNothing};
  control();
  EXPECT_EQ(*compare_network(supervision_, record_), "");
  network().egress->clear();
  EXPECT_EQ(*compare_network(supervision_, record_), "other network rules than planned");
  network() = {.egress = {{kDatabase}}, .ingress = kNothing, .record_allowed = true};
  EXPECT_EQ(*compare_network(supervision_, record_), "other network rules than planned");
}

TEST_F(NetworkTest, WhatWasDetachedIsTold) {
  network() = {.egress = kNothing, .raw_sockets = true};
  control();
  const Fd cgroup = directory();
  const auto ids = bpf::attached(cgroup, BPF_CGROUP_INET4_CONNECT);
  ASSERT_TRUE(ids && ids->size() == 1);
  const auto program = bpf::program_of(ids->front());
  ASSERT_TRUE(program);
  bpf_attr attributes{};
  attributes.target_fd = static_cast<uint32_t>(cgroup.get());
  attributes.attach_bpf_fd = static_cast<uint32_t>(program->get());
  attributes.attach_type = BPF_CGROUP_INET4_CONNECT;
  ASSERT_EQ(::syscall(SYS_bpf, BPF_PROG_DETACH, &attributes, sizeof attributes), 0);
  EXPECT_EQ(*compare_network(supervision_, record_), "not attached: hf_connect4");
}

TEST_F(NetworkTest, Version4InDisguiseIsVersion4) {
  network() = {.egress = {{kDatabase}}};
  control();
  EXPECT_EQ(inside([] { return connects("::ffff:10.9.0.1", 5432); }), "ECONNREFUSED");
  EXPECT_EQ(inside([] { return connects("::ffff:10.8.0.1", 5432); }), "EPERM");
  EXPECT_EQ(inside([] { return connects("::ffff:169.254.169.254", 80); }), "EPERM");
  EXPECT_EQ(inside([] { return sends("::ffff:8.8.8.8", 53); }), "EPERM");
}

TEST_F(NetworkTest, AnyAddressOfOneVersionIsNoneOfTheOther) {
  network() = {.egress = {{{"::/0", Protocol::kAny, {}}}}};
  control();
  EXPECT_EQ(inside([] { return connects("fd09::1", 80); }), "ECONNREFUSED");
  EXPECT_EQ(inside([] { return connects("10.9.0.1", 80); }), "EPERM");
  EXPECT_EQ(inside([] { return connects("::ffff:10.9.0.1", 80); }), "EPERM");
}

TEST_F(NetworkTest, DatagramsGoWhereTheyMay) {
  network() = {.egress = {{{"10.9.0.1", Protocol::kUdp, {53, 53}}}}};
  control();
  EXPECT_EQ(inside([] { return sends("10.9.0.1", 53); }), "ok");
  EXPECT_EQ(inside([] { return sends("8.8.8.8", 53); }), "EPERM");
  EXPECT_EQ(inside([] { return connects("8.8.8.8", 53, SOCK_DGRAM); }), "EPERM");
  EXPECT_EQ(inside([] { return sends("fd09::1", 53); }), "EPERM");
  EXPECT_EQ(inside([] { return connects("10.9.0.1", 53); }), "EPERM");
}

TEST_F(NetworkTest, FastOpenIsAConnection) {
  network() = {.egress = {{kDatabase}}};
  control();
  EXPECT_EQ(inside([] { return sends("10.8.0.1", 80, MSG_FASTOPEN, SOCK_STREAM); }), "EPERM");
}

TEST_F(NetworkTest, TheUnspecifiedAddressIsLoopback) {
  network() = {.egress = {{kDatabase}}};
  control();
  EXPECT_EQ(inside([] { return connects("0.0.0.0", 80); }), "EPERM");
  EXPECT_EQ(inside([] { return connects("::", 80); }), "EPERM");
  EXPECT_EQ(inside([] { return connects("127.0.0.1", 80); }), "EPERM");
}

TEST_F(NetworkTest, OwnLoopbackIsWithinReach) {
  network() = {.egress = kNothing, .ingress = kNothing, .own_loopback = true};
  control();
  for (const char* each : {"127.0.0.1", "127.9.8.7", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"})
    EXPECT_EQ(inside([=] { return connects(each, 80); }), "ECONNREFUSED") << each;
  EXPECT_EQ(inside([] {
              const Fd server = listens("127.0.0.1", 9090);
              return reaches("127.0.0.1", 9090);
            }),
            "ok");
  EXPECT_EQ(inside([] { return connects("10.9.0.1", 80); }), "EPERM");
}

TEST_F(NetworkTest, OnlyNamedPortsAreBound) {
  network() = {.ingress = {{{"", Protocol::kTcp, {8080, 8090}}}}};
  control();
  EXPECT_EQ(inside([] { return binds("0.0.0.0", 8080); }), "ok");
  EXPECT_EQ(inside([] { return binds("::", 8090); }), "ok");
  EXPECT_EQ(inside([] { return binds("0.0.0.0", 9090); }), "EPERM");
  EXPECT_EQ(inside([] { return binds("fd09::1", 22); }), "EPERM");
  EXPECT_EQ(inside([] { return binds("0.0.0.0", 8080, SOCK_DGRAM); }), "EPERM");
  EXPECT_EQ(inside([] { return binds("0.0.0.0", 0); }), "ok");
}

TEST_F(NetworkTest, NobodyComesInByAPortThatWasNotNamed) {
  network() = {.ingress = {{{"10.9.0.0/24", Protocol::kTcp, {8080, 8080}}}}};
  control();
  EXPECT_EQ(inside([] {
              const Fd server = listens("0.0.0.0", 8080);
              return reaches("10.9.0.1", 8080);
            }),
            "ok");
  // A port that the kernel chose was never bound by name.
  EXPECT_EQ(inside([] {
              const Fd server = listens("0.0.0.0", 0);
              return reaches("10.9.0.1", port_of(server));
            }),
            "silence");
}

TEST_F(NetworkTest, OnlyNamedPeersComeIn) {
  network() = {.ingress = {{{"10.9.0.0/24", Protocol::kTcp, {8080, 8080}}}}};
  control();
  Fd peer, stranger;
  EXPECT_EQ(inside(
                [&] {
                  const Fd server = listens("0.0.0.0", 8080);
                  return reaches(peer, "10.9.0.1", 8080) + " " +
                         reaches(stranger, "10.9.0.1", 8080);
                },
                -1,
                [&] {
                  peer = socket_at("10.9.0.1", 0, SOCK_STREAM);
                  stranger = socket_at("10.8.0.1", 0, SOCK_STREAM);
                }),
            "ok silence");
}

TEST_F(NetworkTest, AnswersArriveFromWhereMayBeSentToAndFromNowhereElse) {
  network() = {.egress = {{{"10.9.0.1", Protocol::kUdp, {53, 53}}}}, .ingress = kNothing};
  control();
  Fd server, stranger, other_port;
  EXPECT_EQ(inside(
                [&]() -> std::string {
                  const Fd client = socket_at("0.0.0.0", 0, SOCK_DGRAM);
                  if (!client) return "no client";
                  const Target to = target("10.9.0.1", port_of(client));
                  std::string said;
                  for (const Fd* from : {&server, &stranger, &other_port}) {
                    (void)!::sendto(from->get(), "x", 1, 0, to.raw(), to.size);
                    pollfd ready{.fd = client.get(), .events = POLLIN, .revents = 0};
                    char byte = 0;
                    const bool here =
                        ::poll(&ready, 1, 100) == 1 && ::recv(client.get(), &byte, 1, 0) == 1;
                    said += here ? "arrives " : "silence ";
                  }
                  return said;
                },
                -1,
                [&] {
                  server = socket_at("10.9.0.1", 53, SOCK_DGRAM);
                  stranger = socket_at("10.8.0.1", 53, SOCK_DGRAM);
                  other_port = socket_at("10.9.0.1", 54, SOCK_DGRAM);
                }),
            "arrives silence silence ");
}

TEST_F(NetworkTest, SocketsThatNoRuleSeesAreNotMade) {
  network() = {};
  control();
  EXPECT_EQ(inside([] { return opens(AF_INET, SOCK_RAW, IPPROTO_ICMP); }), "EPERM");
  EXPECT_EQ(inside([] { return opens(AF_INET, SOCK_RAW, IPPROTO_RAW); }), "EPERM");
  EXPECT_EQ(inside([] { return opens(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6); }), "EPERM");
  for (const int protocol : {IPPROTO_SCTP, IPPROTO_MPTCP}) {
    const std::string seen = inside([=] { return opens(AF_INET, SOCK_STREAM, protocol); });
    EXPECT_TRUE(seen == "EPERM" || seen == "EPROTONOSUPPORT") << protocol << " " << seen;
  }
  EXPECT_EQ(inside([] { return opens(AF_INET, SOCK_STREAM, 0); }), "ok");
  EXPECT_EQ(inside([] { return opens(AF_INET6, SOCK_DGRAM, 0); }), "ok");
  EXPECT_EQ(inside([] { return opens(AF_UNIX, SOCK_STREAM, 0); }), "ok");
}

TEST_F(NetworkTest, RawSocketsAreMadeWhereTheyMay) {
  network() = {.egress = kNothing, .raw_sockets = true};
  control();
  EXPECT_EQ(inside([] { return opens(AF_INET, SOCK_RAW, IPPROTO_ICMP); }), "ok");
}

TEST_F(NetworkTest, SourceRoutingLeadsNowhere) {
  network() = {.egress = {{{"10.9.0.1", Protocol::kUdp, {}}}}};
  control();
  EXPECT_EQ(inside([] {
              // Loose source route by 10.8.0.1: packets to 10.9.0.1 go to that one first.
              const unsigned char route[] = {131, 7, 4, 10, 8, 0, 1, 0};
              const Target to = target("10.9.0.1", 53);
              const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
              if (::setsockopt(fd.get(), IPPROTO_IP, IP_OPTIONS, route, sizeof route) != 0)
                return "setsockopt " + outcome(-1);
              return outcome(::sendto(fd.get(), "x", 1, 0, to.raw(), to.size));
            }),
            "EPERM");
}

TEST_F(NetworkTest, WhatRunsBeneathIsHeldToTheSame) {
  network() = {.egress = kNothing};
  control();
  const std::string nested = cgroup::find_v2(record_)->directory + "/nested";
  ASSERT_EQ(::mkdir(nested.c_str(), 0755), 0);
  const Fd deeper(::open(nested.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(inside([] { return connects("10.9.0.1", 80); }, deeper.get()), "EPERM");
  EXPECT_EQ(::rmdir(nested.c_str()), 0);
}

TEST_F(NetworkTest, WithoutRulesYetNothingIsLetThrough) {
  network() = {.egress = kNothing, .raw_sockets = true};
  control();
  const auto maps = network_maps(directory());
  ASSERT_TRUE(maps);
  const hf_net_scope unfilled{};
  ASSERT_DONE(bpf::update(maps->scopes, &maps->cgroup, &unfilled));
  EXPECT_EQ(inside([] { return connects("127.0.0.1", 80); }), "EPERM");
  EXPECT_EQ(inside([] { return sends("127.0.0.1", 80); }), "EPERM");
}

TEST_F(NetworkTest, ToldOnlyGoesOn) {
  network() = {.egress = kNothing, .on_violation = Response::kAlert};
  control();
  auto events = NetworkEvents::open(directory());
  ASSERT_TRUE(events) << text(events.error());
  EXPECT_EQ(inside([] { return connects("10.9.0.1", 80); }), "ECONNREFUSED");
  std::vector<Event> seen;
  events->read([&](Event each) { seen.push_back(std::move(each)); });
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].disposition, Disposition::kDetected);
}

TEST_F(NetworkTest, RefusalsAreToldOncePerSecondWithTheirProcess) {
  network() = {.egress = kNothing};
  control();
  auto events = NetworkEvents::open(directory());
  ASSERT_TRUE(events) << text(events.error());
  const std::string pid = inside([] {
    for (int i = 0; i < 100; ++i) connects("169.254.169.254", 80);
    sends("8.8.8.8", 53);
    return fmt::format("{}", ::getpid());
  });
  pollfd ready{.fd = events->fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ready, 1, 1000), 1);
  std::vector<Event> seen;
  events->read([&](Event each) { seen.push_back(std::move(each)); });
  ASSERT_EQ(seen.size(), 2U);
  const Event& first = seen[0];
  EXPECT_EQ(first.message, "connection to 169.254.169.254:80/tcp: refused");
  EXPECT_EQ(first.severity, Severity::kHigh);
  EXPECT_EQ(first.disposition, Disposition::kBlocked);
  EXPECT_EQ(fmt::format("{}", first.processes.at(0).pid), pid);
  EXPECT_LT(std::abs(static_cast<int64_t>(first.time) -
                     static_cast<int64_t>(::time(nullptr)) * 1'000'000'000),
            int64_t{60} * 1'000'000'000);
  EXPECT_EQ(seen[1].connection->address, "8.8.8.8");
  EXPECT_EQ(seen[1].connection->protocol, "udp");
  EXPECT_EQ(::poll(&ready, 1, 0), 0) << "read and still readable";
  EXPECT_EQ(events->take_lost(), 0U);
}

TEST_F(NetworkTest, TheFirstOfWhatIsAllowedIsToldWhereAsked) {
  network() = {.egress = {{kDatabase}}, .record_allowed = true};
  control();
  auto events = NetworkEvents::open(directory());
  ASSERT_TRUE(events) << text(events.error());
  inside([] { return connects("10.9.0.1", 5432) + connects("10.9.0.1", 5432); });
  std::vector<Event> seen;
  events->read([&](Event each) { seen.push_back(std::move(each)); });
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].disposition, Disposition::kAllowed);
  EXPECT_EQ(seen[0].severity, Severity::kInformational);
}

TEST_F(NetworkTest, WhatFindsNoRoomIsCounted) {
  network() = {.egress = kNothing};
  control();
  auto events = NetworkEvents::open(directory());
  ASSERT_TRUE(events) << text(events.error());
  inside([] {
    for (uint16_t port = 1; port <= 1000; ++port) connects("10.9.0.1", port);
    return std::string();
  });
  size_t read = 0;
  while (const size_t count = events->read([](const Event&) {})) read += count;
  EXPECT_GT(read, 0U);
  EXPECT_EQ(read + events->take_lost(), 1000U);
}

TEST_F(NetworkTest, IsolationCutsWhatIsConnectedAndIsUndone) {
  network() = {.raw_sockets = true, .on_violation = Response::kIsolate};
  control();
  auto events = NetworkEvents::open(directory());
  ASSERT_TRUE(events) << text(events.error());
  EXPECT_FALSE(events->is_isolated());
  // The flag is memory that is shared across fork: the process inside flips it as a supervisor would.
  const auto all = [&]() -> std::string {
    const Fd server = listens("10.9.0.1", 8080);
    const Target to = target("10.9.0.1", 8080);
    const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.get(), to.raw(), to.size) != 0) return "connect " + outcome(-1);
    const Fd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const auto arrives = [&] {
      (void)!::send(client.get(), "x", 1, MSG_NOSIGNAL);
      pollfd ready{.fd = accepted.get(), .events = POLLIN, .revents = 0};
      char byte = 0;
      return ::poll(&ready, 1, 300) == 1 && ::recv(accepted.get(), &byte, 1, 0) == 1;
    };
    std::string said = arrives() ? "arrives" : "lost";
    events->isolate(true);
    said += arrives() ? " arrives" : " lost";
    said += " " + connects("10.9.0.1", 8080) + " " + sends("10.9.0.1", 53) + " " +
            connects("127.0.0.1", 80);
    events->isolate(false);
    said += " " + connects("10.9.0.1", 8080);
    return said;
  };
  EXPECT_EQ(inside(all), "arrives lost EPERM EPERM EPERM ok");
}

TEST_F(NetworkTest, ASlotIsFreeOnceItsCgroupIsGone) {
  network() = {.egress = kNothing};
  control();
  const auto pins = network_pins();
  ASSERT_TRUE(pins);
  const auto owners = bpf::open_pinned(*pins + "/hf_net_owners");
  ASSERT_TRUE(owners);
  const auto slot = read_scope(*network_maps(directory()))->slot;
  uint64_t owner = 0;
  ASSERT_DONE(bpf::look_up(*owners, &slot, &owner));
  EXPECT_EQ(owner, network_maps(directory())->cgroup);
  // Filled with cgroups that do not exist any more, the others are taken over, not added to.
  const uint32_t last = HF_NET_SLOTS;
  uint64_t count = 0;
  ASSERT_DONE(bpf::look_up(*owners, &last, &count));
  std::vector<uint32_t> dead;
  for (uint32_t each = 0; each < count; ++each) {
    uint64_t id = 0;
    ASSERT_DONE(bpf::look_up(*owners, &each, &id));
    const uint64_t gone = (uint64_t{0x7fffffff} << 32) + each;
    if (id != 0) continue;
    ASSERT_DONE(bpf::update(*owners, &each, &gone));
    dead.push_back(each);
  }
  auto shared = bpf::open_pinned(*pins + "/hf_net_slots");
  ASSERT_TRUE(shared);
  auto slots = NetworkSlots::open(*owners, std::move(*shared));
  ASSERT_TRUE(slots);
  const uint64_t own = network_maps(directory())->cgroup;
  const auto claimed = slots->claim(own, directory());
  ASSERT_TRUE(claimed) << text(claimed.error());
  uint64_t now = 0;
  ASSERT_DONE(bpf::look_up(*owners, &last, &now));
  EXPECT_EQ(now, count) << "more rings were made";
  EXPECT_NE(*claimed, slot);
  const uint64_t nobody = 0;
  ASSERT_DONE(bpf::update(*owners, &*claimed, &nobody));
}

// In a network namespace of its own, without any cgroup of version 2.
TEST(NftablesTest, OnlyNamedNetworksAndPortsAreReached) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  if (!nftables_available()) GTEST_SKIP() << "this kernel has no nf_tables";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto told = [](int number, const std::string& seen, const char* wanted) {
      if (seen == wanted) return;
      fprintf(stderr, "check %d: %s instead of %s\n", number, seen.c_str(), wanted);
      ::_exit(number);
    };
    if (!make_network()) ::_exit(100);
    const Fd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    const NetworkPlan plan{.mechanism = Mechanism::kNftables,
                           .egress = {{kDatabase, {"10.9.0.1", Protocol::kTcp, {8080, 8080}}}},
                           .ingress = {{{"", Protocol::kTcp, {8080, 8080}}}},
                           .own_loopback = true};
    const auto applied = apply_nftables(plan, own);
    if (!applied) told(1, applied.error().message, "");
    const Fd server = listens("0.0.0.0", 8080);
    told(2, reaches("10.9.0.1", 8080), "ok");
    told(3, reaches("10.9.0.1", 80), "silence");
    told(4, sends("8.8.8.8", 53), "EPERM");
    told(5, reaches("127.0.0.1", 80), "ECONNREFUSED");
    // The database's port is not among those that may be reached from anywhere.
    told(6, reaches("10.9.0.1", 5432), "silence");
    const auto same = compare_nftables(plan, own);
    if (!same) told(7, same.error().message, "");
    NetworkPlan other = plan;
    other.egress->pop_back();
    const auto differs = compare_nftables(other, own);
    told(8, differs ? "" : differs.error().message,
         "nftables: the table inet holdfast has other rules than planned");
    ::_exit(0);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace holdfast
