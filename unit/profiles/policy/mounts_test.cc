// Mounts, their flags and sizes, and the root under a profile.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <random>

#include "profiles/policy/mount_rules.h"
#include "profiles/policy/resolve.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

constexpr int64_t kMiB = 1 << 20;

MountFlags flags(std::initializer_list<MountFlag> list) {
  MountFlags all;
  for (const MountFlag each : list) all.bits |= uint64_t{1} << static_cast<unsigned>(each);
  return all;
}

oci::Spec with_mount(std::string type, std::string source, oci::Strings options,
                     std::string destination = "/data") {
  oci::Spec spec = samples::docker_spec();
  spec.mounts.push_back(
      {std::move(destination), std::move(type), std::move(source), std::move(options), {}, {}});
  return spec;
}

Plan planned(const oci::Spec& spec, const Policy& policy,
             const Request& request = samples::request()) {
  auto r = resolve(request, spec, policy, samples::facts());
  EXPECT_TRUE(r) << r.error().message;
  return r ? std::move(r->plan) : Plan{};
}

std::string refused(const oci::Spec& spec, const Policy& policy,
                    const Request& request = samples::request()) {
  auto r = resolve(request, spec, policy, samples::facts());
  EXPECT_FALSE(r);
  return r ? "" : r.error().message;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

const MountPlan& mount_on(const Plan& plan, std::string_view destination) {
  for (const MountPlan& each : plan.mounts)
    if (each.destination == destination) return each;
  ADD_FAILURE() << destination;
  static const MountPlan kNone;
  return kNone;
}

// --- sources ---

Policy denying(Paths paths) {
  Policy policy;
  policy.profile.mounts.deny = std::move(paths);
  return policy;
}

TEST(MountsDeny, ThesePathsWhatIsInThemAndAboveThem) {
  const Policy policy = denying({"/srv/secret"});
  for (const char* path : {"/srv/secret", "/srv/secret/x", "/srv", "/srv/../srv/secret/"})
    EXPECT_TRUE(contains(refused(with_mount("bind", path, {"rbind"}), policy),
                         "(mounts.deny: /srv/secret) [HF-C022"))
        << path;
  for (const char* path : {"/srv/secrets", "/srv/other", "/sr"})
    planned(with_mount("bind", path, {"rbind"}), policy);
}

TEST(MountsDeny, ByWhateverName) {
  const Policy policy = denying({"/srv/secret"});
  const oci::Spec spec = with_mount("bind", "/mnt/a", {"rbind"});
  Request request = samples::request();
  request.sources["/mnt/a"] = {"/srv/secret/b", {8, 1, 7}};
  refused(spec, policy, request);
  request.sources["/mnt/a"] = {"/mnt/a", {8, 1, 7}, {"/srv"}};
  refused(spec, policy, request);
  request.sources["/mnt/a"] = {"/mnt/a", {8, 1, 7}, {"/srv/mine"}};
  planned(spec, policy, request);
}

TEST(MountsDeny, AnExceptionOpensIt) {
  Policy policy = denying({"/srv/secret"});
  policy.grants = {{"mounts:/srv/secret/x", "x", "TICKET-9"}};
  planned(with_mount("bind", "/srv/secret/x", {"rbind"}), policy);
  refused(with_mount("bind", "/srv/secret/y", {"rbind"}), policy);
}

TEST(Sources, LayersOfAnOverlayAreJudgedLikeBinds) {
  for (const char* option :
       {"lowerdir=/srv/a:/var/lib/docker/x", "lowerdir=/srv/a::/run/docker",
        "lowerdir+=/etc/holdfast", "upperdir=/var/lib/kubelet", "workdir=/run/containerd"})
    EXPECT_TRUE(contains(refused(with_mount("overlay", "overlay", {option}), {}), "HF-C021"))
        << option;
  planned(
      with_mount("overlay", "overlay", {"lowerdir=/srv/a:/srv/b,upperdir=/srv/u,workdir=/srv/w"}),
      {});
  EXPECT_TRUE(contains(refused(with_mount("overlay", "overlay", {"lowerdir=/srv/secret:/srv/b"}),
                               denying({"/srv/secret"})),
                       "mounts.deny"));
}

TEST(Sources, LayersAreSeparatedAsTheKernelDoes) {
  const std::vector<std::string> expected{"/a:b", "/c", "/d\\", "/u:v", "/w"};
  EXPECT_EQ(
      overlay_layers({"lowerdir=/a\\:b:/c::/d\\\\", "upperdir=/u:v", "workdir=/w", "metacopy=on"}),
      expected);
}

TEST(Sources, FileSystemsOfTheHostsAreSystemMounts) {
  Policy policy;
  policy.profile = *shipped_profile("restricted");
  EXPECT_TRUE(
      contains(refused(with_mount("ext4", "/dev/sda1", {}), policy), "mounts /dev/sda1 (ext4)"));
  EXPECT_TRUE(contains(refused(with_mount("devtmpfs", "udev", {}), policy), "HF-C022"));
  planned(with_mount("devtmpfs", "udev", {}), {});
}

// --- flags ---

TEST(MountFlags, AreForcedByClassWhateverIsAsked) {
  Policy policy;
  policy.profile.mounts.force_bind = flags({MountFlag::kNosuid, MountFlag::kNoexec});
  policy.profile.mounts.force_tmpfs = flags({MountFlag::kNodev});
  policy.profile.mounts.force_kernel = flags({MountFlag::kNodev, MountFlag::kNosuid});
  const Plan plan = planned(with_mount("bind", "/srv/a", {"rbind", "exec", "rsuid"}), policy);
  const MountPlan& bind = mount_on(plan, "/data");
  const uint64_t both = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  EXPECT_EQ(bind.attr_set & both, both);
  EXPECT_EQ(bind.recursive_attr_set & both, both);
  EXPECT_EQ((bind.attr_clear | bind.recursive_attr_clear) & both, 0u);
  // Its nodes would be of no use.
  EXPECT_FALSE(mount_on(plan, "/dev").attr_set & MOUNT_ATTR_NODEV);
  EXPECT_FALSE(mount_on(plan, "/dev/pts").attr_set & MOUNT_ATTR_NODEV);
  EXPECT_TRUE(mount_on(plan, "/proc").attr_set & MOUNT_ATTR_NODEV);
  EXPECT_NE(samples::find_decision(plan, "HF-C029"), nullptr);
}

TEST(MountFlags, ARemountDoesNotTakeThemAway) {
  Policy policy;
  policy.profile.mounts.force_tmpfs = flags({MountFlag::kNoexec});
  oci::Spec spec = with_mount("tmpfs", "tmpfs", {"noexec"});
  spec.mounts.push_back({"/data", "tmpfs", "tmpfs", {"remount", "exec"}, {}, {}});
  const Plan plan = planned(spec, policy);
  EXPECT_FALSE(plan.mounts.back().attr_clear & MOUNT_ATTR_NOEXEC);
}

TEST(MountFlags, AnExceptionNamesTheMount) {
  Policy policy;
  policy.profile.mounts.force_bind = flags({MountFlag::kNoexec});
  policy.grants = {{"mounts:/srv/a", "x", "TICKET-9"}};
  const Plan plan = planned(with_mount("bind", "/srv/a", {"rbind"}), policy);
  EXPECT_FALSE(mount_on(plan, "/data").attr_set & MOUNT_ATTR_NOEXEC);
}

TEST(MountFlags, WhatTheKernelLacksIsTold) {
  Policy policy;
  policy.profile.mounts.force_bind = flags({MountFlag::kNosymfollow});
  HostFacts facts = samples::facts();
  facts.kernel = "5.13.0-1";
  const auto r =
      resolve(samples::request(), with_mount("bind", "/srv/a", {"rbind"}), policy, facts);
  ASSERT_TRUE(r);
  EXPECT_FALSE(mount_on(r->plan, "/data").attr_set & MOUNT_ATTR_NOSYMFOLLOW);
  bool told = false;
  for (const Decision& each : r->plan.decisions)
    told = told || (each.control == "mountFlags" && each.outcome == Outcome::kNotPossible);
  EXPECT_TRUE(told);
}

// --- sizes ---

std::string size_of(const oci::Strings& options, const Policy& policy) {
  Request request = samples::request();
  request.memory.total = 1000 * kMiB;
  std::string sizes;
  const Plan plan = planned(with_mount("tmpfs", "tmpfs", options), policy, request);
  for (const std::string& each : mount_on(plan, "/data").data)
    if (each.starts_with("size=") || each.starts_with("nr_blocks="))
      sizes += (sizes.empty() ? "" : " ") + each;
  return sizes;
}

TEST(TmpfsSize, ADefaultAndACeiling) {
  Policy policy;
  policy.profile.limits.tmpfs = {Quantity{64 * kMiB}, Quantity{128 * kMiB}};
  const std::string fallback = fmt::format("size={}", 64 * kMiB);
  const std::string max = fmt::format("size={}", 128 * kMiB);
  EXPECT_EQ(size_of({}, policy), fallback);
  EXPECT_EQ(size_of({"size=0"}, policy), fallback);
  EXPECT_EQ(size_of({"nr_blocks=0"}, policy), fallback);
  EXPECT_EQ(size_of({"size=100m"}, policy), "size=100m");
  EXPECT_EQ(size_of({"size=1g"}, policy), max);
  EXPECT_EQ(size_of({"size=10%"}, policy), "size=10%");
  EXPECT_EQ(size_of({"size=90%"}, policy), max);
  EXPECT_EQ(size_of({"nr_blocks=1k"}, policy), "nr_blocks=1k");
  EXPECT_EQ(size_of({"nr_blocks=1m"}, policy), max);
  EXPECT_EQ(size_of({"size=1m", "size=1g"}, policy), max);
  EXPECT_EQ(size_of({"size=1g", "size=1m"}, policy), "size=1g size=1m");
  EXPECT_TRUE(contains(refused(with_mount("ramfs", "ramfs", {}), policy), "which nothing limits"));
}

TEST(TmpfsSize, ARemountDoesNotRaiseIt) {
  Policy policy;
  policy.profile.limits.tmpfs = {{}, Quantity{128 * kMiB}};
  oci::Spec spec = with_mount("none", "tmpfs", {"remount", "size=1g"}, "/dev/shm");
  EXPECT_EQ(planned(spec, policy).mounts.back().data,
            (std::vector<std::string>{fmt::format("size={}", 128 * kMiB)}));
  spec.mounts.back().options = {"remount", "ro"};
  EXPECT_TRUE(planned(spec, policy).mounts.back().data.empty());
}

// --- the root ---

TEST(Rootfs, IsReadOnlyButForWhatTheProfileNames) {
  Policy policy;
  policy.profile.rootfs = {true, {"/tmp", "/var/cache/nginx", "/tmp/x", "/etc/hosts", "/dev/y"}};
  policy.profile.limits.tmpfs = {Quantity{64 * kMiB}, {}};
  const Plan plan = planned(samples::docker_spec(), policy);
  EXPECT_TRUE(plan.readonly_rootfs);
  ASSERT_GE(plan.mounts.size(), 2u);
  EXPECT_EQ(plan.mounts[0].destination, "/tmp");
  EXPECT_EQ(plan.mounts[1].destination, "/var/cache/nginx");
  EXPECT_EQ(plan.mounts[2].destination, "/proc");
  EXPECT_TRUE(plan.mounts[0].copy_up);
  EXPECT_EQ(plan.mounts[0].data, (std::vector<std::string>{fmt::format("size={}", 64 * kMiB)}));
  const Decision* d = samples::find_decision(plan, "HF-C028");
  ASSERT_NE(d, nullptr);
  EXPECT_EQ(d->applied, "read-only but for /tmp, /var/cache/nginx");
}

TEST(Rootfs, OneThatIsAskedForReadOnlyGetsNothingWritable) {
  Policy policy;
  policy.profile.rootfs = {true, {"/tmp"}};
  oci::Spec spec = samples::docker_spec();
  spec.root.readonly = true;
  EXPECT_EQ(planned(spec, policy).mounts.size(), spec.mounts.size());
}

TEST(Rootfs, AnExceptionAndPrivilegeLeaveItWritable) {
  Policy policy;
  policy.profile.rootfs = {true, {}};
  EXPECT_FALSE(planned(samples::privileged_spec(), policy).readonly_rootfs);
  policy.grants = {{"rootfs", "x", "TICKET-9"}};
  EXPECT_FALSE(planned(samples::docker_spec(), policy).readonly_rootfs);
}

// --- laws ---

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}
  bool chance(uint32_t percent) { return random_() % 100 < percent; }

  oci::Spec spec() {
    oci::Spec spec = samples::docker_spec();
    spec.root.readonly = chance(30);
    static constexpr const char* kOptions[] = {"nosuid", "suid", "rnoexec", "exec",  "rexec",
                                               "dev",    "rdev", "ro",      "nodev", "rsuid"};
    for (int i = 0; i < 3; ++i) {
      oci::Strings options;
      for (const char* each : kOptions)
        if (chance(20)) options.emplace_back(each);
      const bool bind = chance(50);
      if (bind) options.emplace_back(chance(50) ? "rbind" : "bind");
      if (!bind && chance(60)) options.push_back(fmt::format("size={}m", random_() % 10));
      if (chance(20)) options.emplace_back("remount");
      spec.mounts.push_back({fmt::format("/m{}", random_() % 2),
                             bind ? "bind" : "tmpfs",
                             bind ? fmt::format("/srv/{}", random_() % 3) : "tmpfs",
                             std::move(options),
                             {},
                             {}});
    }
    return spec;
  }

  Policy policy() {
    Policy policy;
    MountRules& rules = policy.profile.mounts;
    rules.force_bind.bits = random_() % 16;
    rules.force_tmpfs.bits = random_() % 16;
    rules.force_kernel.bits = random_() % 16;
    if (chance(30)) rules.deny = {"/srv/2"};
    if (chance(50)) policy.profile.rootfs = {chance(70), {"/tmp", "/m0/x"}};
    if (chance(60))
      policy.profile.limits.tmpfs = {Quantity{static_cast<int64_t>(1 + random_() % 4) * kMiB},
                                     Quantity{4 * kMiB}};
    return policy;
  }

 private:
  std::mt19937 random_;
};

uint64_t held(const MountPlan& m) {
  return (m.attr_set | m.recursive_attr_set) & ~(m.attr_clear | m.recursive_attr_clear);
}

TEST(MountLaws, NeverLooserThanAskedNorThanTheProfile) {
  Generator generate(8);
  size_t started = 0;
  for (int round = 0; round < 2000; ++round) {
    const oci::Spec asked = generate.spec();
    const Policy policy = generate.policy();
    Policy open;
    open.mode = Mode::kOff;
    auto r = resolve(samples::request(), asked, policy, samples::facts());
    if (!r) continue;
    ++started;
    const Plan plain = planned(asked, open);
    EXPECT_TRUE(r->plan.readonly_rootfs ||
                (!asked.root.readonly && !policy.profile.rootfs.read_only));
    const size_t added = r->plan.mounts.size() - plain.mounts.size();
    if (asked.root.readonly) {
      EXPECT_EQ(added, 0u);
    }
    for (size_t i = 0; i < plain.mounts.size(); ++i) {
      const MountPlan &mine = r->plan.mounts[added + i], &wish = plain.mounts[i];
      EXPECT_EQ(mine.destination, wish.destination);
      EXPECT_EQ(held(wish) & ~held(mine), 0u) << mine.destination;
      EXPECT_EQ(mine.attr_clear & ~wish.attr_clear, 0u);
      if (!policy.profile.mounts.deny.empty() && wish.bind && !wish.remount) {
        EXPECT_NE(mine.source, "/srv/2");
      }
      const uint64_t forced = wish.bind              ? policy.profile.mounts.force_bind.bits
                              : wish.type == "tmpfs" ? policy.profile.mounts.force_tmpfs.bits
                                                     : 0;
      if (forced & 1 && !wish.remount) {
        EXPECT_TRUE(held(mine) & MOUNT_ATTR_NOSUID) << mine.destination;
      }
    }
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
  EXPECT_GT(started, 500u);
}

}  // namespace
}  // namespace holdfast
