// The rules of a Landlock domain, computed from the plan.
#include "profiles/policy/landlock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/landlock.h>

#include "core/plan/mount_options.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr uint64_t kTruncate = 1 << 14, kIoctlDev = 1 << 15;
constexpr int32_t kNewest = 7;

std::vector<std::string> places(const LandlockPlan& domain, uint64_t right) {
  for (const LandlockGrant& each : domain.grants)
    if (each.access & right) return each.paths;
  return {};
}

class Landlock : public testing::Test {
 protected:
  Landlock() {
    mount("/proc", "proc", {"nosuid", "noexec", "nodev"});
    mount("/dev", "tmpfs", {"nosuid"});
    mount("/dev/pts", "devpts", {"nosuid", "noexec"});
    mount("/dev/shm", "tmpfs", {"nosuid", "noexec", "nodev"});
    mount("/sys", "sysfs", {"nosuid", "noexec", "nodev", "ro"});
    mount("/sys/fs/cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"});
    for (const char* path : {"/dev/null", "/dev/fuse"}) plan_.devices.emplace_back().path = path;
  }
  void mount(const std::string& destination, const std::string& type,
             const std::vector<std::string>& options, const std::string& source = "none") {
    const auto parsed = parse_mount({destination, type, source, options, {}, {}});
    ASSERT_TRUE(parsed) << parsed.error().message;
    plan_.mounts.push_back(*parsed);
  }
  LandlockPlan domain(const LandlockRules& rules = {}, int32_t abi = kNewest) const {
    return landlock_domain(plan_, rules, entries_, abi);
  }
  std::vector<std::string> executable() const {
    return places(domain(), LANDLOCK_ACCESS_FS_EXECUTE);
  }
  std::vector<std::string> writable() const {
    return places(domain(), LANDLOCK_ACCESS_FS_WRITE_FILE);
  }

  Plan plan_;
  RootEntries entries_ = {{"bin", "dev", "etc", "proc", "sys", "usr"}};
};

TEST_F(Landlock, ProgramsAreExecutedFromTheImageOnly) {
  EXPECT_THAT(executable(), ElementsAre("/bin", "/etc", "/usr"));
}

TEST_F(Landlock, MountsAddToItUnlessTheyAreNoexec) {
  mount("/data", "bind", {"rbind"}, "/srv/data");
  mount("/usr/local", "bind", {"rbind"}, "/srv/local");
  mount("/etc", "tmpfs", {"noexec"});
  mount("/dev/tools", "bind", {"rbind"}, "/srv/tools");
  EXPECT_THAT(executable(), ElementsAre("/bin", "/usr", "/data", "/dev/tools"));
}

TEST_F(Landlock, TheLastMountAtAPlaceCounts) {
  mount("/data", "tmpfs", {});
  mount("/data/", "tmpfs", {"noexec"});
  EXPECT_THAT(executable(), Not(Contains("/data")));
  mount("//data", "tmpfs", {"exec"});
  EXPECT_THAT(executable(), Contains("/data"));
}

TEST_F(Landlock, KernelTreesNeverHoldPrograms) {
  mount("/proc/cpuinfo", "bind", {"bind"}, "/var/lib/lxcfs/cpuinfo");
  mount("/sys/fs/bpf", "tmpfs", {});
  for (const std::string& each : executable()) {
    EXPECT_FALSE(each.starts_with("/proc")) << each;
    EXPECT_FALSE(each.starts_with("/sys")) << each;
  }
}

TEST_F(Landlock, AnUnknownRootMayBeExecutedAsAWhole) {
  entries_.reset();
  EXPECT_THAT(executable(), ElementsAre("/"));
}

TEST_F(Landlock, ADirectoryCoversWhatIsBelowItAndNothingElse) {
  entries_ = {{"usr", "usr-local"}};
  mount("/usr/share/x", "bind", {"rbind"}, "/srv/x");
  EXPECT_THAT(executable(), ElementsAre("/usr", "/usr-local"));
}

TEST_F(Landlock, MovingFilesIsAlwaysAllowed) {
  EXPECT_THAT(places(domain(), LANDLOCK_ACCESS_FS_REFER), ElementsAre("/"));
}

TEST_F(Landlock, DeviceNodesAreNeverMade) {
  constexpr uint64_t kNodes = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
  EXPECT_EQ(domain().handled_fs & kNodes, kNodes);
  EXPECT_THAT(places(domain(), kNodes), IsEmpty());
}

TEST_F(Landlock, IoctlWorksOnTheContainersDevices) {
  mount("/snd", "bind", {"rbind"}, "/dev/snd");
  mount("/data", "bind", {"rbind"}, "/srv/data");
  EXPECT_THAT(places(domain(), kIoctlDev), ElementsAre("/dev/pts", "/dev/console", "/dev/ptmx",
                                                       "/dev/null", "/dev/fuse", "/snd"));
}

TEST_F(Landlock, NothingIsAskedOfAKernelThatItDoesNotKnow) {
  plan_.readonly_rootfs = true;
  EXPECT_EQ(domain({}, 4).handled_fs & kIoctlDev, 0u);
  EXPECT_THAT(places(domain({}, 4), kIoctlDev), IsEmpty());
  EXPECT_EQ(domain({}, 2).handled_fs & kTruncate, 0u);
  EXPECT_NE(domain({}, 3).handled_fs & kTruncate, 0u);
  const LandlockRules ports{
      .writable = {}, .executable = {}, .bind_tcp = {{80}}, .connect_tcp = {}};
  EXPECT_FALSE(domain(ports, 3).bind_tcp);
  EXPECT_TRUE(domain(ports, 4).bind_tcp);
  for (int32_t abi = kLandlockRefer; abi <= kNewest; ++abi)
    for (const LandlockGrant& each : domain({}, abi).grants)
      EXPECT_EQ(each.access & ~domain({}, abi).handled_fs, 0u);
}

TEST_F(Landlock, AWritableRootIsNotHandled) {
  EXPECT_EQ(domain().handled_fs & LANDLOCK_ACCESS_FS_WRITE_FILE, 0u);
}

TEST_F(Landlock, AReadOnlyRootIsWrittenInItsMountsOnly) {
  plan_.readonly_rootfs = true;
  mount("/data", "bind", {"rbind"}, "/srv/data");
  mount("/config", "bind", {"rbind", "ro"}, "/srv/config");
  mount("/data/in", "tmpfs", {});
  EXPECT_THAT(writable(), ElementsAre("/dev", "/data"));
  EXPECT_THAT(places(domain(), LANDLOCK_ACCESS_FS_MAKE_REG), ElementsAre("/dev", "/data"));
}

TEST_F(Landlock, TheProfileNamesPlacesAndPorts) {
  const LandlockRules rules{.writable = {{"/tmp", "/tmp/x", "/var/cache"}},
                            .executable = {{"/usr/bin"}},
                            .bind_tcp = {{80, 443}},
                            .connect_tcp = {std::vector<uint16_t>{}}};
  const LandlockPlan named = domain(rules);
  EXPECT_THAT(places(named, LANDLOCK_ACCESS_FS_EXECUTE), ElementsAre("/usr/bin"));
  EXPECT_THAT(places(named, LANDLOCK_ACCESS_FS_WRITE_FILE),
              ElementsAre("/dev", "/tmp", "/var/cache"));
  EXPECT_THAT(*named.bind_tcp, ElementsAre(80, 443));
  EXPECT_THAT(*named.connect_tcp, IsEmpty());
  EXPECT_EQ(landlock_summary(named),
            "execution from 1 places, writes to 3 places, ioctl on 5 devices, no mounts, no device "
            "nodes, TCP: binds 2 ports, TCP: connects to 0 ports");
}

TEST_F(Landlock, NoPlaceToExecuteIsNone) {
  const LandlockPlan named = domain({.writable = {},
                                     .executable = {std::vector<std::string>{}},
                                     .bind_tcp = {},
                                     .connect_tcp = {}});
  EXPECT_THAT(places(named, LANDLOCK_ACCESS_FS_EXECUTE), IsEmpty());
  EXPECT_NE(named.handled_fs & LANDLOCK_ACCESS_FS_EXECUTE, 0u);
}

// --- whether there is a domain at all ---

class LandlockDecision : public testing::Test {
 protected:
  LandlockDecision() {
    policy_.profile = *shipped_profile("restricted");
    facts_.landlock_abi = kNewest;
    request_.root_entries = {{"bin", "usr"}};
  }
  Plan plan() const {
    auto resolved = resolve(request_, samples::docker_spec(), policy_, facts_);
    EXPECT_TRUE(resolved) << resolved.error().message;
    return resolved ? resolved->plan : Plan{};
  }
  static Outcome outcome(const Plan& plan) {
    for (const Decision& each : plan.decisions)
      if (each.control == "landlock") return each.outcome;
    return Outcome::kRefused;
  }

  Policy policy_;
  HostFacts facts_ = samples::facts();
  Request request_ = samples::request();
};

TEST_F(LandlockDecision, RestrictedHasOne) {
  const Plan resolved = plan();
  ASSERT_TRUE(resolved.landlock);
  EXPECT_EQ(resolved.landlock->abi, kNewest);
  EXPECT_THAT(places(*resolved.landlock, LANDLOCK_ACCESS_FS_EXECUTE),
              ElementsAre("/bin", "/usr", "/etc/hosts"));
  EXPECT_EQ(outcome(resolved), Outcome::kTightened);
}

TEST_F(LandlockDecision, BaselineHasNone) {
  policy_.profile = *shipped_profile("baseline");
  EXPECT_FALSE(plan().landlock);
}

TEST_F(LandlockDecision, AHostWithoutItIsTold) {
  for (const int32_t abi : {0, 1}) {
    facts_.landlock_abi = abi;
    const Plan resolved = plan();
    EXPECT_FALSE(resolved.landlock);
    EXPECT_EQ(outcome(resolved), Outcome::kNotPossible);
  }
}

TEST_F(LandlockDecision, WhoMountsByHimselfHasNone) {
  policy_.grants = {{"nestedContainers", "ci", "CI builders"}};
  const Plan resolved = plan();
  EXPECT_FALSE(resolved.landlock);
  EXPECT_EQ(outcome(resolved), Outcome::kWarned);
}

TEST_F(LandlockDecision, ModeWarnOnlyTells) {
  policy_.mode = Mode::kWarn;
  const Plan resolved = plan();
  EXPECT_FALSE(resolved.landlock);
  EXPECT_EQ(outcome(resolved), Outcome::kWarned);
}

}  // namespace
}  // namespace holdfast
