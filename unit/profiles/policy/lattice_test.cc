// The order of profiles, over generated ones.
#include "profiles/policy/lattice.h"

#include <gtest/gtest.h>

#include <random>

#include "profiles/policy/profile_json.h"

namespace holdfast {
namespace {

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  Profile profile() {
    Profile p = *shipped_profile(pick<std::string_view>({"observe", "baseline", "restricted"}));
    for (Access* each : {&p.privileged, &p.root_user, &p.host_namespaces.pid, &p.devices.others,
                         &p.mounts.system, &p.exec.access})
      if (chance()) *each = pick({Access::kAllow, Access::kWarn, Access::kDeny});
    for (Requirement* each : {&p.mdwe, &p.landlock.mode, &p.user_namespace, &p.no_new_privileges})
      if (chance()) *each = pick({Requirement::kOff, Requirement::kAuto, Requirement::kRequire});
    p.capabilities.allow.bits &= random_() | uint64_t{random_()} << 32;
    p.capabilities.on_request.bits &= random_() | uint64_t{random_()} << 32;
    p.exec.capabilities.bits &= random_();
    if (chance()) p.seccomp.remove = some({"@ptrace", "personality", "mount"});
    if (chance()) p.sysctl = some({"net.*", "net.ipv4.*", "net.ipv4.ip_forward", "kernel.shmmax"});
    if (chance()) p.landlock.writable = some({"/", "/var", "/var/log", "/tmp"});
    if (chance()) p.landlock.bind_tcp = {80, static_cast<uint16_t>(random_() % 3)};
    if (chance()) p.rootfs = {chance(), some({"/tmp", "/run", "/run/x"})};
    if (chance()) p.devices.allow = some({"/dev/fuse", "/dev/kvm"});
    p.limits.require = chance();
    if (chance()) p.limits.memory = limit();
    if (chance()) p.limits.swap = limit();
    if (chance()) p.limits.cpu = cpu_limit();
    if (chance()) p.limits.pids = limit();
    if (chance()) p.rlimits["RLIMIT_NOFILE"] = limit();
    if (chance()) p.limits.hugepages["2MB"] = limit();
    if (chance()) p.mounts.force_bind.bits = random_() % 16;
    if (chance()) p.hooks.allow = {{{"/a", chance() ? std::string(64, 'a') : ""}, {"/b", ""}}};
    if (chance()) p.exec.control = programs();
    if (chance()) p.network = network();
    for (int rules = static_cast<int>(random_() % 3); rules > 0; --rules)
      p.respond.push_back(respond());
    if (chance()) p.on_supervisor_loss = Response::kKillContainer;
    if (chance()) p.hooks.timeout = Seconds{static_cast<int64_t>(1 + random_() % 3)};
    return p;
  }

 private:
  bool chance() { return random_() % 2 == 0; }
  template <class T>
  T pick(std::initializer_list<T> list) {
    return list.begin()[random_() % list.size()];
  }
  std::vector<std::string> some(std::initializer_list<const char*> list) {
    std::vector<std::string> chosen;
    for (const char* each : list)
      if (chance()) chosen.emplace_back(each);
    return chosen;
  }
  Limit limit() {
    const int64_t max = 1 + random_() % 5;
    return {Quantity{1 + static_cast<int64_t>(random_() % 5) % max}, Quantity{max}};
  }
  std::optional<Response> response() {
    if (chance()) return std::nullopt;
    return pick({Response::kAlert, Response::kDeny, Response::kFreeze, Response::kKillProcess});
  }
  ProgramControl programs() {
    ProgramControl control{.drift = response(), .libraries = chance(), .require = chance()};
    if (chance()) return control;
    control.otherwise = response();
    control.programs.emplace();
    for (int count = static_cast<int>(random_() % 3); count > 0; --count) {
      ProgramRule rule{.image = chance(),
                       .path = pick<const char*>({"", "/usr/*", "/usr/bin/*", "/usr/bin/sh", "/b"}),
                       .sha256 = chance() ? "" : std::string(64, pick({'a', 'b'})),
                       .parent = pick<const char*>({"", "/usr/*", "/usr/bin/make"})};
      if (rule == ProgramRule{}) rule.image = true;
      control.programs->push_back(rule);
    }
    return control;
  }
  std::vector<Ports> ports() {
    std::vector<Ports> some;
    for (size_t count = random_() % 3; count > 0; --count)
      some.push_back(
          {pick({Protocol::kAny, Protocol::kTcp, Protocol::kUdp}),
           pick({PortRange{}, PortRange{1, 100}, PortRange{50, 200}, PortRange{80, 80}})});
    return some;
  }
  std::string peer() {
    return pick<const char*>({"", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "::/0", "fd00::1"});
  }
  NetworkControl network() {
    NetworkControl control{
        .raw_sockets = chance(), .on_violation = response(), .require = chance()};
    if (chance()) control.record = NetworkRecord::kAll;
    if (chance()) control.egress.emplace();
    if (chance()) control.ingress.emplace();
    for (size_t count = random_() % 3; control.egress && count > 0; --count)
      control.egress->push_back({peer(), ports()});
    for (size_t count = random_() % 3; control.ingress && count > 0; --count)
      control.ingress->push_back({peer(), ports()});
    return control;
  }
  RespondRule respond() {
    RespondRule rule{pick({Severity::kMedium, Severity::kHigh, Severity::kCritical}),
                     pick({Response::kAlert, Response::kFreeze, Response::kKillContainer}),
                     std::nullopt};
    if (rule.action == Response::kFreeze && chance())
      rule.release_after = Seconds{static_cast<int64_t>(1 + random_() % 3)};
    return rule;
  }
  CpuLimit cpu_limit() {
    const Limit same = limit();
    return {Cpus{same.fallback->value}, Cpus{same.max->value}};
  }

  std::mt19937 random_;
};

std::string told(const std::vector<Loosening>& list) {
  std::string text;
  for (const Loosening& each : list)
    text += fmt::format("{}: {} / {}\n", each.field, each.asked, each.allowed);
  return text;
}

TEST(Lattice, BothIsNoLooserThanEitherAndTighteningTwiceIsTighteningOnce) {
  Generator generate(11);
  for (int round = 0; round < 2000; ++round) {
    const Profile a = generate.profile(), b = generate.profile();
    const Profile both = tighten(a, b);
    EXPECT_EQ(told(loosenings(both, a)), "");
    EXPECT_EQ(told(loosenings(both, b)), "");
    EXPECT_TRUE(same_rules(tighten(both, b), both));
    EXPECT_TRUE(same_rules(tighten(both, a), both));
    EXPECT_TRUE(same_rules(tighten(b, a), both))
        << told(loosenings(tighten(b, a), both)) << told(loosenings(both, tighten(b, a)));
    EXPECT_EQ(told(loosenings(a, a)), "");
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

TEST(Lattice, TheOrderIsTransitive) {
  Generator generate(12);
  size_t chains = 0;
  for (int round = 0; round < 2000; ++round) {
    const Profile c = generate.profile();
    const Profile b = tighten(c, generate.profile());
    const Profile a = tighten(b, generate.profile());
    EXPECT_EQ(told(loosenings(a, c)), "");
    ++chains;
  }
  EXPECT_EQ(chains, 2000u);
}

TEST(Lattice, TheShippedProfilesNarrowOneAnother) {
  EXPECT_EQ(told(loosenings(*shipped_profile("baseline"), *shipped_profile("observe"))), "");
  EXPECT_EQ(told(loosenings(*shipped_profile("restricted"), *shipped_profile("baseline"))), "");
  EXPECT_FALSE(loosenings(*shipped_profile("baseline"), *shipped_profile("restricted")).empty());
}

TEST(Lattice, TheTighterOnesNameIsKept) {
  const Profile &base = *shipped_profile("baseline"), &tight = *shipped_profile("restricted");
  EXPECT_EQ(tighten(base, tight).name, "restricted");
  EXPECT_EQ(tighten(tight, base).name, "restricted");
}

TEST(ProfileJson, DecodingOfAnEncodedProfileIsTheSame) {
  Generator generate(13);
  for (int round = 0; round < 200; ++round) {
    Profile p = generate.profile();
    // Bits that have no name are not written.
    const uint64_t named = (uint64_t{1} << 41) - 1;
    p.capabilities.allow.bits &= named;
    p.capabilities.on_request.bits &= named;
    p.exec.capabilities.bits &= named;
    const std::string text = json::encode(p);
    const auto back = json::decode<Profile>(text, {.strict = true});
    ASSERT_TRUE(back) << back.error().message << " in " << text;
    EXPECT_EQ(json::encode(*back), text);
  }
}

}  // namespace
}  // namespace holdfast
