#include "core/plan/mount_options.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <algorithm>

namespace holdfast {
namespace {

using Strings = std::vector<std::string>;

oci::Mount tmpfs(Strings options) {
  oci::Mount mount;
  mount.destination = "/t";
  mount.type = "tmpfs";
  mount.source = "tmpfs";
  mount.options = std::move(options);
  return mount;
}

oci::Mount bind(Strings options) {
  oci::Mount mount = tmpfs(std::move(options));
  mount.type = "none";
  mount.source = "/src";
  return mount;
}

MountPlan parsed(const oci::Mount& mount) {
  auto plan = parse_mount(mount);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
  return plan ? *plan : MountPlan{};
}

std::string refusal(const oci::Mount& mount) {
  const auto plan = parse_mount(mount);
  return plan ? "accepted" : plan.error().message;
}

TEST(MountOptions, DestinationsBecomeAbsoluteAndLexicallyClean) {
  oci::Mount mount = tmpfs({});
  for (const auto& [asked, clean] :
       std::initializer_list<std::pair<const char*, const char*>>{{"/a/b", "/a/b"},
                                                                  {"a/b", "/a/b"},
                                                                  {"//a/./b//", "/a/b"},
                                                                  {"/a/../../b", "/b"},
                                                                  {"..", "/"},
                                                                  {"/", "/"},
                                                                  {"/a/..b/...", "/a/..b/..."}}) {
    mount.destination = asked;
    EXPECT_EQ(parsed(mount).destination, clean) << asked;
  }
  mount.destination = "";
  EXPECT_EQ(refusal(mount), "a mount has no destination");
  mount.destination = std::string("/a\0b", 4);
  EXPECT_NE(refusal(mount), "accepted");
}

TEST(MountOptions, AttributesAreSetAndClearedAndTheLaterOneWins) {
  const MountPlan set =
      parsed(tmpfs({"nosuid", "nodev", "noexec", "ro", "nodiratime", "nosymfollow"}));
  EXPECT_EQ(set.attr_set,
            uint64_t{MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY |
                     MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW});
  EXPECT_EQ(set.attr_clear, 0u);
  EXPECT_EQ(set.superblock_flags, uint64_t{MS_RDONLY});

  const MountPlan later = parsed(tmpfs({"nosuid", "suid", "dev", "nodev", "ro", "rw"}));
  EXPECT_EQ(later.attr_set, uint64_t{MOUNT_ATTR_NODEV});
  EXPECT_EQ(later.attr_clear, uint64_t{MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY});
  EXPECT_EQ(later.superblock_flags, 0u);
}

TEST(MountOptions, TheAccessTimeIsOneFieldThatIsClearedAsAWhole) {
  const uint64_t field = MOUNT_ATTR__ATIME;
  const MountPlan noatime = parsed(tmpfs({"strictatime", "noatime"}));
  EXPECT_EQ(noatime.attr_set, uint64_t{MOUNT_ATTR_NOATIME});
  EXPECT_EQ(noatime.attr_clear, field);
  const MountPlan relatime = parsed(tmpfs({"noatime", "relatime"}));
  EXPECT_EQ(relatime.attr_set, 0u);
  EXPECT_EQ(relatime.attr_clear, field);
  const MountPlan atime = parsed(bind({"bind", "noatime", "atime"}));
  EXPECT_EQ(atime.attr_set, 0u);
  EXPECT_EQ(atime.attr_clear, field);
  EXPECT_EQ(parsed(tmpfs({"strictatime", "atime"})).attr_set, uint64_t{MOUNT_ATTR_STRICTATIME});
  EXPECT_EQ(parsed(tmpfs({"strictatime", "nostrictatime"})).attr_set, 0u);
  EXPECT_EQ(parsed(tmpfs({"norelatime"})).attr_clear, 0u);
}

TEST(MountOptions, RecursiveAttributesAreKeptApart) {
  const MountPlan plan = parsed(bind({"rbind", "rro", "rnosuid", "rdev", "rexec", "rnoexec"}));
  EXPECT_EQ(plan.attr_set | plan.attr_clear, 0u);
  EXPECT_EQ(plan.recursive_attr_set,
            uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC});
  EXPECT_EQ(plan.recursive_attr_clear, uint64_t{MOUNT_ATTR_NODEV});
  const MountPlan times = parsed(bind({"rbind", "rnoatime", "rnodiratime"}));
  EXPECT_EQ(times.recursive_attr_set, uint64_t{MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME});
  EXPECT_EQ(times.recursive_attr_clear, uint64_t{MOUNT_ATTR__ATIME});
  // runc passes a partial mask here, which mount_setattr(2) refuses.
  EXPECT_EQ(parsed(bind({"rbind", "ratime"})).recursive_attr_clear, uint64_t{MOUNT_ATTR__ATIME});
}

TEST(MountOptions, SuperblockFlagsAndFileSystemData) {
  const MountPlan plan =
      parsed(tmpfs({"sync", "dirsync", "lazytime", "mand", "nomand", "iversion", "silent", "loud",
                    "defaults", "acl", "size=64k", "mode=1777"}));
  EXPECT_EQ(plan.superblock_flags,
            uint64_t{MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME | MS_I_VERSION});
  EXPECT_EQ(plan.data, (Strings{"acl", "size=64k", "mode=1777"}));
  EXPECT_FALSE(plan.copy_up);
  EXPECT_TRUE(parsed(tmpfs({"tmpcopyup"})).copy_up);
}

TEST(MountOptions, DataInOneStringIsSplitAsMountDoes) {
  EXPECT_EQ(parsed(tmpfs({"size=64k,mode=755,,noswap"})).data,
            (Strings{"size=64k", "mode=755", "noswap"}));
  EXPECT_EQ(parsed(tmpfs({R"(context="u:r:t:s0:c1,c2",uid=1)"})).data,
            (Strings{"context=u:r:t:s0:c1,c2", "uid=1"}));
  EXPECT_EQ(parsed(tmpfs({R"(lowerdir=/a\,b:/c,index=on)"})).data,
            (Strings{R"(lowerdir=/a\,b:/c)", "index=on"}));
  EXPECT_EQ(parsed(tmpfs({""})).data, Strings{});
}

TEST(MountOptions, TheLastPropagationWins) {
  EXPECT_EQ(parsed(bind({"rbind", "rprivate"})).propagation, uint64_t{MS_PRIVATE | MS_REC});
  EXPECT_EQ(parsed(bind({"rbind", "rprivate", "slave"})).propagation, uint64_t{MS_SLAVE});
  EXPECT_EQ(parsed(bind({"rbind", "runbindable", "rshared"})).propagation,
            uint64_t{MS_SHARED | MS_REC});
  EXPECT_EQ(parsed(bind({"rbind"})).propagation, 0u);
}

TEST(MountOptions, ABindHasTheTypeBindWhateverTheSpecificationSays) {
  const MountPlan plain = parsed(bind({"bind"}));
  EXPECT_TRUE(plain.bind);
  EXPECT_FALSE(plain.recursive_bind);
  EXPECT_EQ(plain.type, "bind");
  EXPECT_TRUE(parsed(bind({"rbind"})).recursive_bind);
  oci::Mount typed = bind({"ro"});
  typed.type = "bind";
  EXPECT_TRUE(parsed(typed).bind);
  EXPECT_TRUE(parsed(bind({"bind", "remount", "ro"})).remount);
}

TEST(MountOptions, IdMappingsNeedABindAndBothKinds) {
  oci::Mount mount = bind({"rbind", "ridmap"});
  EXPECT_TRUE(parsed(mount).idmap->recursive);
  mount.uid_mappings = {{0, 1000, 1}};
  EXPECT_EQ(refusal(mount), "mount \"/t\": uidMappings and gidMappings must be given together");
  mount.gid_mappings = {{0, 2000, 1}};
  mount.options = {"rbind"};
  const MountPlan plan = parsed(mount);
  EXPECT_FALSE(plan.idmap->recursive);
  EXPECT_EQ(plan.idmap->uid_mappings[0].host_id, 1000u);
  EXPECT_EQ(plan.idmap->gid_mappings[0].host_id, 2000u);
  EXPECT_NE(refusal(tmpfs({"idmap"})), "accepted");
}

TEST(MountOptions, WhatMakesNoSenseIsRefused) {
  EXPECT_NE(refusal(bind({"bind", "tmpcopyup"})), "accepted");
  oci::Mount typeless = tmpfs({});
  typeless.type = "";
  EXPECT_NE(refusal(typeless), "accepted");
  oci::Mount sourceless = bind({"bind"});
  sourceless.source = "";
  EXPECT_NE(refusal(sourceless), "accepted");
}

TEST(MountOptions, KnownOptionsAreSortedAndHoldWhatEnginesLookFor) {
  const Strings& known = known_mount_options();
  EXPECT_TRUE(std::ranges::is_sorted(known));
  for (const char* name : {"rro", "rbind", "tmpcopyup", "nosymfollow", "idmap", "runbindable"})
    EXPECT_TRUE(std::ranges::binary_search(known, std::string(name))) << name;
  EXPECT_FALSE(std::ranges::binary_search(known, std::string("size=64k")));
}

}  // namespace
}  // namespace holdfast
