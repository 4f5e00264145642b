// What a mount of type "cgroup" shows. The container's cgroups are real ones of this host and
// removed again.
#include <sys/mount.h>
#include <unistd.h>

#include "integration/kernel/rootfs_support.h"

namespace holdfast {
namespace {

constexpr long kCgroupMagic = 0x27e0eb;
constexpr long kCgroup2Magic = 0x63677270;

class RootfsCgroup : public RootfsTest {
 protected:
  void SetUp() override {
    RootfsTest::SetUp();
    if (IsSkipped()) return;
    CgroupPlan plan;
    plan.path = fmt::format("/holdfast-rootfs-{}", ::getpid());
    auto record = plan_cgroups(plan, "c1", false);
    ASSERT_TRUE(record) << text(record.error());
    if (record->directories.empty()) GTEST_SKIP() << "no cgroups here: " << record->without;
    cgroups_ = std::move(*record);
    ASSERT_DONE(create_cgroups(cgroups_, plan.resources, 0));
    ASSERT_DONE(limit_cgroups(cgroups_, plan.resources));
  }

  void TearDown() override {
    if (!cgroups_.directories.empty()) EXPECT_DONE(remove_cgroups(cgroups_));
    RootfsTest::TearDown();
  }

  Plan cgroup_container(const std::string& type, const std::vector<std::string>& options) {
    Plan plan = container();
    add_mount(plan, "/proc", "proc", "proc", {});
    add_mount(plan, "/cg", type, "cgroup", options);
    return plan;
  }

  bool unified() const { return cgroups_.mode == HostFacts::Cgroup::kV2; }

  // The hierarchy's directory in the container, and the container's own cgroup on the host.
  struct Seen {
    std::string inside, host;
    bool v2 = false;
  };
  std::vector<Seen> seen() const {
    std::vector<Seen> all;
    for (const auto& each : cgroups_.directories) {
      const std::string below = each.directory.substr(sizeof "/sys/fs/cgroup/" - 1);
      const std::string name = below.substr(0, below.find('/'));
      all.push_back({unified() ? "/cg" : "/cg/" + name, each.directory, each.controllers.empty()});
    }
    return all;
  }
};

TEST_F(RootfsCgroup, TheContainerSeesItsOwnCgroupsReadOnly) {
  run(cgroup_container("cgroup", {"ro", "nosuid", "noexec", "nodev"}), [&] {
    EXPECT_EQ(write_errno("/cg/x") == 0, false);
    for (const Seen& each : seen()) {
      EXPECT_EQ(statfs_of(each.inside).f_type, each.v2 ? kCgroup2Magic : kCgroupMagic)
          << each.inside;
      EXPECT_TRUE(exists(each.inside + "/cgroup.procs")) << each.inside;
      // The root of a hierarchy would have this file, a container's cgroup has not.
      EXPECT_FALSE(exists(each.inside + "/release_agent")) << each.inside;
      EXPECT_NE(::mkdir((each.inside + "/child").c_str(), 0755), 0);
      EXPECT_EQ(errno, EROFS) << each.inside;
      const std::string options = mount_options_of(each.inside);
      EXPECT_EQ(options.substr(0, 23), "ro,nosuid,nodev,noexec,") << each.inside;
    }
  });
}

TEST_F(RootfsCgroup, AWritableMountIsThatOfTheContainersOwn) {
  run(cgroup_container("cgroup", {"rw"}), [&] {
    for (const Seen& each : seen()) {
      EXPECT_EQ(::mkdir((each.inside + "/child").c_str(), 0755), 0) << each.inside;
      EXPECT_EQ(::rmdir((each.inside + "/child").c_str()), 0) << each.inside;
    }
  });
}

// CVE-2023-25809.
TEST_F(RootfsCgroup, ARootlessContainerNeverGetsAWritableHostTree) {
  Plan plan = cgroup_container("cgroup", {"rw"});
  plan.rootless = true;
  run(plan, [&] {
    for (const Seen& each : seen()) {
      EXPECT_NE(::mkdir((each.inside + "/child").c_str(), 0755), 0);
      EXPECT_EQ(errno, EROFS) << each.inside;
    }
  });
}

TEST_F(RootfsCgroup, TheTypeCgroup2IsTheUnifiedSide) {
  const Plan plan = cgroup_container("cgroup2", {"ro"});
  if (!seen().back().v2) {
    expect_refusal(plan, "the container has no cgroup of its own to show");
    return;
  }
  run(plan, [&] {
    EXPECT_EQ(statfs_of("/cg").f_type, kCgroup2Magic);
    // A file that every cgroup has but the root of the hierarchy.
    EXPECT_TRUE(exists("/cg/cgroup.events"));
  });
}

TEST_F(RootfsCgroup, ACgroupNamespaceGetsHierarchiesOfItsOwn) {
  Plan plan = cgroup_container("cgroup", {"ro"});
  add_namespace(plan, oci::NamespaceType::kCgroup);
  run(plan, [&] {
    for (const Seen& each : seen()) {
      EXPECT_EQ(statfs_of(each.inside).f_type, each.v2 ? kCgroup2Magic : kCgroupMagic)
          << each.inside;
      EXPECT_NE(::mkdir((each.inside + "/child").c_str(), 0755), 0);
      EXPECT_EQ(errno, EROFS) << each.inside;
    }
  });
}

// Hierarchies with several controllers have a link per controller.
TEST_F(RootfsCgroup, JointControllersHaveLinks) {
  if (unified()) GTEST_SKIP() << "cgroup v2 has no joint hierarchies";
  const std::string shown = base() + "/joint";
  // The directory's name is what counts; the content is any cgroup of the host.
  ASSERT_EQ(::mkdir(shown.c_str(), 0755), 0);
  const auto real = std::exchange(cgroups_.directories, {{"cpu,cpuacct", shown}});
  run(cgroup_container("cgroup", {"ro"}), [] {
    EXPECT_TRUE(exists("/cg/cpu,cpuacct"));
    EXPECT_EQ(link_of("/cg/cpu"), "cpu,cpuacct");
    EXPECT_EQ(link_of("/cg/cpuacct"), "cpu,cpuacct");
    EXPECT_EQ(write_errno("/cg/x"), EROFS);
  });
  cgroups_.directories = real;
}

}  // namespace
}  // namespace holdfast
