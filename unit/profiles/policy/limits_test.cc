// The cgroup's limits under a profile: what is asked, what is applied, what is told.
#include "profiles/policy/limits.h"

#include <gtest/gtest.h>

#include <random>

#include "profiles/policy/lattice.h"
#include "profiles/policy/resolve.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

constexpr int64_t kMiB = 1 << 20;

Limit bytes(int64_t fallback, int64_t max) { return {Quantity{fallback}, Quantity{max}}; }

Policy with(Limits limits) {
  Policy policy;
  limits.pids = policy.profile.limits.pids;
  policy.profile.limits = std::move(limits);
  return policy;
}

Resolved resolved(const oci::Resources& asked, const Policy& policy,
                  HostFacts::Cgroup mode = HostFacts::Cgroup::kV2) {
  oci::Spec spec = samples::docker_spec();
  spec.linux_.resources = asked;
  HostFacts facts = samples::facts();
  facts.cgroup = mode;
  auto r = resolve(samples::request(), spec, policy, facts);
  EXPECT_TRUE(r) << r.error().message;
  return r ? std::move(*r) : Resolved{};
}

oci::Resources memory(std::optional<int64_t> limit, std::optional<int64_t> swap = {}) {
  oci::Resources r;
  r.memory.emplace();
  r.memory->limit = limit;
  r.memory->swap = swap;
  return r;
}

oci::Resources cpu(std::optional<int64_t> quota, std::optional<uint64_t> period = {}) {
  oci::Resources r;
  r.cpu.emplace();
  r.cpu->quota = quota;
  r.cpu->period = period;
  return r;
}

oci::Resources unified(std::string file, std::string value) {
  oci::Resources r;
  r.unified[std::move(file)] = std::move(value);
  return r;
}

const Decision* told(const Plan& plan, std::string_view control) {
  for (const Decision& each : plan.decisions)
    if (each.control == control) return &each;
  return nullptr;
}

TEST(Limits, ADefaultWhereNoneIsAskedAndTheMaxWhereMoreIs) {
  const Policy policy = with({.memory = bytes(512 * kMiB, 1024 * kMiB)});
  const auto limit = [&](const oci::Resources& asked) {
    return resolved(asked, policy).plan.cgroup.resources.memory->limit;
  };
  EXPECT_EQ(limit({}), 512 * kMiB);
  EXPECT_EQ(limit(memory(0)), 512 * kMiB);
  EXPECT_EQ(limit(memory(-1)), 512 * kMiB);
  EXPECT_EQ(limit(memory(100 * kMiB)), 100 * kMiB);
  EXPECT_EQ(limit(memory(4096 * kMiB)), 1024 * kMiB);
  const Resolved r = resolved(memory(4096 * kMiB), policy);
  const Decision* d = told(r.plan, "memoryLimit");
  ASSERT_NE(d, nullptr);
  EXPECT_EQ(d->asked, "4Gi");
  EXPECT_EQ(d->applied, "1Gi");
  EXPECT_EQ(d->rule, "HF-C026");
  EXPECT_EQ(d->outcome, Outcome::kTightened);
}

TEST(Limits, WithoutAMaxUnlimitedStandsAndIsReported) {
  Limits limits;
  limits.memory.fallback = Quantity{kMiB};
  const Resolved r = resolved(memory(-1), with(limits));
  EXPECT_EQ(r.plan.cgroup.resources.memory->limit, -1);
  ASSERT_NE(told(r.plan, "memoryLimit"), nullptr);
  EXPECT_EQ(told(r.plan, "memoryLimit")->outcome, Outcome::kWarned);
}

TEST(Limits, WhatIsWrittenVerbatimIsJudgedLikeTheField) {
  const Policy policy = with({.memory = bytes(512 * kMiB, 1024 * kMiB), .cpu = {{}, Cpus{1500}}});
  for (const char* text : {"max", "2G", "2147483648", "0x80000000", "9999999999999999999", ""}) {
    const Resolved r = resolved(unified("memory.max", text), policy);
    EXPECT_LE(*r.plan.cgroup.resources.memory->limit, 1024 * kMiB) << text;
    EXPECT_FALSE(r.plan.cgroup.resources.unified.contains("memory.max")) << text;
  }
  const Resolved small = resolved(unified("memory.max", " 100M\n"), policy);
  EXPECT_TRUE(small.plan.cgroup.resources.unified.contains("memory.max"));
  EXPECT_FALSE(small.plan.cgroup.resources.memory);
  for (const char* text : {"max", "max 100000", "200000", "200000 100000", "1600 1000", "1000 0",
                           "0000000000000001 1000", "100000 1000000 3", ""}) {
    const Resolved r = resolved(unified("cpu.max", text), policy);
    ASSERT_TRUE(r.plan.cgroup.resources.cpu) << text;
    const auto& set = *r.plan.cgroup.resources.cpu;
    EXPECT_LE(*set.quota * 1000, 1500 * static_cast<int64_t>(set.period.value_or(100000))) << text;
    EXPECT_TRUE(r.plan.cgroup.resources.unified.empty()) << text;
  }
  EXPECT_FALSE(resolved(unified("cpu.max", "150000 100000"), policy).plan.cgroup.resources.cpu);
}

TEST(Limits, SwapIsCountedAboveMemory) {
  const Policy policy =
      with({.memory = bytes(512 * kMiB, 1024 * kMiB), .swap = bytes(0, 64 * kMiB)});
  const auto set = [&](const oci::Resources& asked, HostFacts::Cgroup mode) {
    return *resolved(asked, policy, mode).plan.cgroup.resources.memory;
  };
  for (const auto mode : {HostFacts::Cgroup::kV1, HostFacts::Cgroup::kV2}) {
    EXPECT_EQ(set({}, mode).swap, 512 * kMiB);
    EXPECT_EQ(set(memory(100 * kMiB, -1), mode).swap, 100 * kMiB);
    EXPECT_EQ(set(memory(100 * kMiB, 200 * kMiB), mode).swap, 164 * kMiB);
    EXPECT_EQ(set(memory(100 * kMiB, 120 * kMiB), mode).swap, 120 * kMiB);
    // Memory that is lowered takes its swap along.
    EXPECT_EQ(set(memory(2048 * kMiB, 2048 * kMiB), mode).swap, 1024 * kMiB);
    EXPECT_EQ(set(memory(2048 * kMiB, 2058 * kMiB), mode).swap, 1034 * kMiB);
  }
  // A total without a limit of memory (version 1) bounds the memory, too.
  EXPECT_EQ(set(memory({}, 100 * kMiB), HostFacts::Cgroup::kV1).limit, 100 * kMiB);
}

TEST(Limits, SwapAloneIsVersionTwos) {
  const Policy policy = with({.swap = bytes(0, 64 * kMiB)});
  const Resolved v2 = resolved({}, policy);
  EXPECT_EQ(v2.plan.cgroup.resources.unified.at("memory.swap.max"), "0");
  const Resolved v1 = resolved({}, policy, HostFacts::Cgroup::kV1);
  EXPECT_FALSE(v1.plan.cgroup.resources.memory);
  ASSERT_NE(told(v1.plan, "swapLimit"), nullptr);
  EXPECT_EQ(told(v1.plan, "swapLimit")->outcome, Outcome::kNotPossible);
}

TEST(Limits, CpusAreAQuotaOfThePeriod) {
  const Policy policy = with({.cpu = {Cpus{500}, Cpus{2000}}});
  const auto set = [&](const oci::Resources& asked) {
    const oci::CpuResources r = *resolved(asked, policy).plan.cgroup.resources.cpu;
    return fmt::format("{} {}", r.quota.value_or(0), r.period.value_or(0));
  };
  EXPECT_EQ(set({}), "50000 0");
  EXPECT_EQ(set(cpu(-1)), "50000 0");
  EXPECT_EQ(set(cpu({}, 20000)), "10000 20000");
  EXPECT_EQ(set(cpu(200000, 100000)), "200000 100000");
  EXPECT_EQ(set(cpu(200001, 100000)), "200000 100000");
  EXPECT_EQ(set(cpu(9000000000000000000, 1000)), "2000 1000");
  // The kernel's least quota is a millisecond.
  EXPECT_EQ(set(cpu({}, 1000)), "500000 1000000");
  oci::Resources burst = cpu(400000, 100000);
  burst.cpu->burst = 300000;
  EXPECT_EQ(resolved(burst, policy).plan.cgroup.resources.cpu->burst, 200000u);
}

TEST(Limits, OfWeightsTheHighestCounts) {
  const Policy policy = with({.io_weight = {{}, Quantity{100}}});
  oci::Resources asked;
  EXPECT_FALSE(resolved(asked, policy).plan.cgroup.resources.block_io);
  asked.block_io.emplace();
  asked.block_io->weight = 50;
  asked.block_io->weight_device = {{8, 0, uint16_t{500}, {}}, {8, 16, uint16_t{60}, uint16_t{900}}};
  asked.unified = {{"io.weight", "default 10000"}, {"io.bfq.weight", "8:0 80"}};
  const Resolved r = resolved(asked, policy);
  const auto& io = *r.plan.cgroup.resources.block_io;
  EXPECT_EQ(io.weight, 50);
  EXPECT_EQ(io.weight_device[0].weight, 100);
  EXPECT_EQ(io.weight_device[1].weight, 60);
  EXPECT_EQ(io.weight_device[1].leaf_weight, 100);
  EXPECT_EQ(r.plan.cgroup.resources.unified.at("io.weight"), "default 910");
  EXPECT_EQ(r.plan.cgroup.resources.unified.at("io.bfq.weight"), "8:0 80");
  Limits limits;
  limits.io_weight.fallback = Quantity{200};
  EXPECT_EQ(resolved({}, with(limits)).plan.cgroup.resources.block_io->weight, 200);
}

TEST(Limits, OfHugePagesBySize) {
  Limits limits;
  limits.hugepages["2MB"] = bytes(0, 8 * kMiB);
  limits.hugepages["1GB"] = bytes(0, 0);
  oci::Resources asked;
  asked.hugepage_limits = {{"2MB", 64 * kMiB}, {"64KB", 1 << 16}};
  const Resolved r = resolved(asked, with(limits));
  const auto& pages = r.plan.cgroup.resources.hugepage_limits;
  ASSERT_EQ(pages.size(), 2u);  // the host has no pages of 1 GiB
  EXPECT_EQ(pages[0].page_size, "64KB");
  EXPECT_EQ(pages[1].limit, static_cast<uint64_t>(8 * kMiB));
  EXPECT_EQ(told(r.plan, "hugepagesLimit:1GB")->outcome, Outcome::kKept);
  const Resolved raw = resolved(unified("hugetlb.2MB.rsvd.max", "max"), with(limits));
  EXPECT_TRUE(raw.plan.cgroup.resources.unified.empty());
  EXPECT_EQ(raw.plan.cgroup.resources.hugepage_limits[0].limit, 0u);
}

TEST(Limits, WhatTheHostLacksIsToldAndRefusedWhereRequired) {
  Policy policy = with({.memory = bytes(512 * kMiB, 1024 * kMiB), .cpu = {Cpus{500}, {}}});
  Request request = samples::request();
  request.controls = {};
  const oci::Spec spec = samples::docker_spec();
  auto r = resolve(request, spec, policy, samples::facts());
  ASSERT_TRUE(r);
  EXPECT_FALSE(r->plan.cgroup.resources.memory);
  EXPECT_EQ(told(r->plan, "memoryLimit")->outcome, Outcome::kNotPossible);
  policy.profile.limits.require = true;
  r = resolve(request, spec, policy, samples::facts());
  ASSERT_FALSE(r);
  for (const char* part : {"requires a memoryLimit of 512Mi, but no memory controller",
                           "requires a cpuLimit of 500m, but no cpu controller", "HF-C025"})
    EXPECT_NE(r.error().message.find(part), std::string::npos) << r.error().message;
}

TEST(Limits, AnExceptionAndPrivilegeKeepWhatIsAsked) {
  Policy policy = with({.memory = bytes(512 * kMiB, 1024 * kMiB)});
  EXPECT_EQ(told(resolved(memory(4096 * kMiB), policy).plan, "memoryLimit")->outcome,
            Outcome::kTightened);
  auto privileged =
      resolve(samples::request(), samples::privileged_spec(), policy, samples::facts());
  ASSERT_TRUE(privileged);
  EXPECT_FALSE(privileged->plan.cgroup.resources.memory);
  policy.grants = {{"limits:memory", "big", "TICKET-9"}};
  const Resolved r = resolved(memory(4096 * kMiB), policy);
  EXPECT_EQ(r.plan.cgroup.resources.memory->limit, 4096 * kMiB);
  EXPECT_NE(told(r.plan, "memoryLimit")->why.find("TICKET-9"), std::string::npos);
}

// --- update ---

Update updated(const Plan& stored, const oci::Resources& wish, const Policy& policy,
               HostFacts::Cgroup mode = HostFacts::Cgroup::kV2) {
  auto r = resolve_update(stored, wish, policy, mode);
  EXPECT_TRUE(r) << r.error().message;
  return r ? std::move(*r) : Update{};
}

TEST(LimitsUpdate, IsJudgedAsCreateIs) {
  const Policy policy = with({.memory = bytes(512 * kMiB, 1024 * kMiB), .cpu = {{}, Cpus{2000}}});
  const Plan stored = resolved({}, policy).plan;
  Update u = updated(stored, memory(4096 * kMiB), policy);
  EXPECT_EQ(u.changes.memory->limit, 1024 * kMiB);
  EXPECT_EQ(u.limits.memory->limit, 1024 * kMiB);
  ASSERT_EQ(u.decisions.size(), 1u);
  EXPECT_EQ(u.decisions[0].control, "memoryLimit");
  EXPECT_EQ(updated(stored, memory(-1), policy).changes.memory->limit, 512 * kMiB);
  EXPECT_EQ(updated(stored, memory(kMiB), policy).changes.memory->limit, kMiB);
  u = updated(stored, unified("memory.max", "max"), policy);
  EXPECT_TRUE(u.changes.unified.empty());
  EXPECT_EQ(u.limits.memory->limit, 512 * kMiB);
  EXPECT_EQ(updated(stored, cpu(900000), policy).changes.cpu->quota, 200000);
}

TEST(LimitsUpdate, APeriodAloneDoesNotWidenAQuota) {
  const Policy policy = with({.cpu = {Cpus{1000}, Cpus{2000}}});
  const Plan stored = resolved({}, policy).plan;
  const Update u = updated(stored, cpu({}, 10000), policy);
  EXPECT_EQ(u.changes.cpu->period, 10000u);
  EXPECT_EQ(u.changes.cpu->quota, 20000);
}

TEST(LimitsUpdate, SwapFollowsMemory) {
  const Policy policy = with({.memory = bytes(512 * kMiB, 1024 * kMiB), .swap = bytes(0, 0)});
  const Plan stored = resolved({}, policy, HostFacts::Cgroup::kV1).plan;
  const Update u = updated(stored, memory(100 * kMiB), policy, HostFacts::Cgroup::kV1);
  EXPECT_EQ(u.changes.memory->limit, 100 * kMiB);
  EXPECT_EQ(u.changes.memory->swap, 100 * kMiB);
}

TEST(LimitsUpdate, WhatIsNotChangedStaysKnown) {
  Policy policy = with({.memory = bytes(512 * kMiB, 1024 * kMiB)});
  policy.profile.limits.pids = {Quantity{100}, Quantity{200}};
  Plan stored = resolved({}, policy).plan;
  Update u = updated(stored, memory(600 * kMiB), policy);
  EXPECT_FALSE(u.changes.pids);
  EXPECT_EQ(u.limits.pids->limit, 100);
  stored.cgroup.resources = u.limits;
  oci::Resources wish;
  wish.pids = oci::PidsResources{300};
  EXPECT_EQ(updated(stored, wish, policy).changes.pids->limit, 200);
  wish.pids = oci::PidsResources{-1};
  u = updated(stored, wish, policy);
  EXPECT_EQ(u.changes.pids->limit, 100);
  EXPECT_FALSE(u.changes.memory && u.changes.memory->limit);
}

TEST(LimitsUpdate, APrivilegedContainerStaysUnlimited) {
  const Policy policy = with({.memory = bytes(512 * kMiB, 1024 * kMiB)});
  auto r = resolve(samples::request(), samples::privileged_spec(), policy, samples::facts());
  ASSERT_TRUE(r);
  EXPECT_EQ(updated(r->plan, memory(4096 * kMiB), policy).changes.memory->limit, 4096 * kMiB);
}

TEST(LimitsUpdate, AHugePageLimitWrittenVerbatimIsLowered) {
  Limits limits;
  limits.hugepages["2MB"] = bytes(0, 8 * kMiB);
  const Policy policy = with(limits);
  const Update u = updated(resolved({}, policy).plan, unified("hugetlb.2MB.max", "1G"), policy);
  EXPECT_TRUE(u.changes.unified.empty());
  ASSERT_EQ(u.changes.hugepage_limits.size(), 1u);
  EXPECT_EQ(u.changes.hugepage_limits[0].limit, static_cast<uint64_t>(8 * kMiB));
}

// --- laws, over generated limits and resources ---

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}
  bool chance(uint32_t percent) { return random_() % 100 < percent; }
  int64_t amount() { return 1 + random_() % 9; }

  Policy policy() {
    Limits limits;
    if (chance(70)) limits.memory = limit();
    if (chance(70)) limits.swap = limit();
    if (chance(70))
      limits.cpu = {chance(50) ? std::optional(Cpus{amount() * 100}) : std::nullopt, Cpus{1000}};
    if (chance(70)) limits.hugepages["2MB"] = limit();
    if (chance(70)) limits.io_weight = {{}, Quantity{10 + amount() * 50}};
    Policy policy = with(limits);
    if (chance(70)) policy.profile.limits.pids = limit();
    if (chance(30)) policy.profile = *shipped_profile("restricted");
    return policy;
  }

  oci::Resources resources() {
    oci::Resources r;
    if (chance(70)) r = memory(maybe(), {});
    if (r.memory && chance(50)) r.memory->swap = r.memory->limit.value_or(0) + amount();
    if (r.memory && chance(20)) r.memory->swap = -1;
    if (chance(50))
      r.cpu = cpu(maybe_cpu(), chance(50) ? std::optional(period()) : std::nullopt).cpu;
    if (chance(50)) r.pids = oci::PidsResources{maybe().value_or(-1)};
    if (chance(50)) {
      r.block_io.emplace();
      r.block_io->weight = static_cast<uint16_t>(10 + random_() % 990);
    }
    if (chance(50)) r.hugepage_limits = {{"2MB", static_cast<uint64_t>(amount())}};
    for (const char* file : {"memory.max", "memory.swap.max", "pids.max", "hugetlb.2MB.max"})
      if (chance(15)) r.unified[file] = chance(30) ? "max" : fmt::format("{}", amount());
    if (chance(15))
      r.unified["cpu.max"] = fmt::format("{} {}", 1000 * (1 + random_() % 300), period());
    if (chance(15)) r.unified["io.weight"] = fmt::format("default {}", 1 + random_() % 10000);
    return r;
  }

 private:
  Limit limit() {
    const int64_t max = amount();
    Limit limit;
    if (chance(80)) limit.max = Quantity{max};
    if (chance(60)) limit.fallback = Quantity{1 + static_cast<int64_t>(random_()) % max};
    return limit;
  }
  std::optional<int64_t> maybe() {
    if (chance(20)) return std::nullopt;
    return chance(20) ? -1 : amount();
  }
  std::optional<int64_t> maybe_cpu() {
    const auto units = maybe();
    return units && *units > 0 ? *units * 20000 : units;
  }
  uint64_t period() { return 10000 * (1 + random_() % 20); }

  std::mt19937 random_;
};

// No limit counts as the highest amount.
int64_t height(std::optional<int64_t> amount) {
  return amount && *amount >= 0 ? *amount : std::numeric_limits<int64_t>::max();
}

std::string shown(const oci::Resources& r) { return oci::encode_resources(r); }

TEST(LimitsLaw, NeverAboveTheMaxNorAboveWhatIsAsked) {
  Generator generate(3);
  for (int round = 0; round < 3000; ++round) {
    const Policy policy = generate.policy();
    const oci::Resources asked = generate.resources();
    const Resolved r = resolved(asked, policy);
    const oci::Resources& applied = r.plan.cgroup.resources;
    for (const LimitControl& each : limit_controls(policy.profile.limits)) {
      const int64_t before = height(each.asked(asked)), after = height(each.asked(applied));
      const auto weight = each.kind == LimitKind::kIoWeight;
      const std::string all = each.name() + "\n" + shown(asked) + "\n" + shown(applied);
      if (each.bounds.max && !(weight && !each.asked(asked))) {
        EXPECT_LE(after, *each.bounds.max) << all;
      }
      EXPECT_LE(after, before) << all;
      // Who stays within the profile gets exactly what is asked.
      const bool within = each.asked(asked) && before <= height(each.bounds.max);
      if (within && before != height({}) && each.kind != LimitKind::kSwap) {
        EXPECT_EQ(after, before) << all;
      }
    }
    EXPECT_EQ(shown(resolved(applied, policy).plan.cgroup.resources), shown(applied));
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

TEST(LimitsLaw, AnUpdateNeverLeadsAboveTheMax) {
  Generator generate(4);
  for (int round = 0; round < 3000; ++round) {
    const Policy policy = generate.policy();
    Plan stored = resolved(generate.resources(), policy).plan;
    for (int step = 0; step < 3; ++step) {
      const oci::Resources wish = generate.resources();
      const Update u = updated(stored, wish, policy);
      for (const LimitControl& each : limit_controls(policy.profile.limits)) {
        if (!each.bounds.max || each.kind == LimitKind::kIoWeight) continue;
        EXPECT_LE(height(each.asked(u.limits)), *each.bounds.max)
            << each.name() << "\n"
            << shown(stored.cgroup.resources) << "\n"
            << shown(wish) << "\n"
            << shown(u.limits);
      }
      // What is written leads to what is said to hold.
      const oci::Resources led = merge_resources(stored.cgroup.resources, u.changes);
      for (const LimitControl& each : limit_controls(policy.profile.limits))
        EXPECT_EQ(each.asked(led), each.asked(u.limits)) << each.name() << "\n"
                                                         << shown(stored.cgroup.resources) << "\n"
                                                         << shown(wish) << "\n"
                                                         << shown(u.changes) << "\n"
                                                         << shown(u.limits);
      stored.cgroup.resources = u.limits;
    }
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

TEST(LimitsLaw, TwoProfilesAtOnceAreAsTightAsEither) {
  Generator generate(5);
  for (int round = 0; round < 1000; ++round) {
    const Policy a = generate.policy(), b = generate.policy();
    Policy both = a;
    both.profile = tighten(a.profile, b.profile);
    const oci::Resources asked = generate.resources();
    const auto under = [&](const Policy& policy) {
      return resolved(asked, policy).plan.cgroup.resources;
    };
    const oci::Resources applied = under(both), alone = under(a), other = under(b);
    for (const LimitControl& each : limit_controls(both.profile.limits)) {
      if (!each.asked(asked) || height(each.asked(asked)) == height({})) continue;
      if (each.kind == LimitKind::kSwap) continue;
      EXPECT_LE(height(each.asked(applied)), height(each.asked(alone))) << each.name();
      EXPECT_LE(height(each.asked(applied)), height(each.asked(other))) << each.name();
    }
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

}  // namespace
}  // namespace holdfast
