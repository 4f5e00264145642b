// Capabilities, user and limits as the kernel shows them afterwards.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "integration/kernel/process_support.h"
#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

using testing_support::check;
using testing_support::in_child;
using testing_support::same;
using testing_support::status_field;

constexpr uint64_t bit(int capability) { return uint64_t{1} << capability; }
constexpr uint64_t kSome = bit(CAP_CHOWN) | bit(CAP_KILL) | bit(CAP_NET_BIND_SERVICE);

std::string hexadecimal(uint64_t mask) { return fmt::format("{:016x}", mask); }

TEST(Capabilities, TheBoundingSetIsExactlyTheWantedOne) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(drop_bounding({.bounding = kSome}));
              return same(status_field("CapBnd"), hexadecimal(kSome), "CapBnd");
            }),
            "");
}

TEST(Capabilities, WhatTheBoundingSetLostIsAnErrorToAskForAgain) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(drop_bounding({.bounding = kSome}));
              return drop_bounding({.bounding = kSome | bit(CAP_SYS_ADMIN)});
            }),
            "the bounding set does not hold CAP_SYS_ADMIN");
}

TEST(Capabilities, AllFiveSetsAreAsPlannedForAnotherUser) {
  EXPECT_EQ(in_child([]() -> Result<> {
              const CapabilitySets sets{.bounding = kSome,
                                        .effective = bit(CAP_KILL),
                                        .permitted = bit(CAP_KILL) | bit(CAP_NET_BIND_SERVICE),
                                        .inheritable = bit(CAP_NET_BIND_SERVICE),
                                        .ambient = bit(CAP_NET_BIND_SERVICE)};
              HF_DO(drop_bounding(sets));
              HF_DO(keep_capabilities(true));
              HF_DO(set_user({.uid = 1000, .gid = 1000}, false));
              HF_DO(set_capabilities(sets));
              HF_DO(same(status_field("CapBnd"), hexadecimal(sets.bounding), "CapBnd"));
              HF_DO(same(status_field("CapEff"), hexadecimal(sets.effective), "CapEff"));
              HF_DO(same(status_field("CapPrm"), hexadecimal(sets.permitted), "CapPrm"));
              HF_DO(same(status_field("CapInh"), hexadecimal(sets.inheritable), "CapInh"));
              HF_DO(same(status_field("CapAmb"), hexadecimal(sets.ambient), "CapAmb"));
              HF_TRY(const CapabilitySets own, own_capabilities());
              return check(own.bounding == sets.bounding && own.effective == sets.effective &&
                               own.permitted == sets.permitted &&
                               own.inheritable == sets.inheritable && own.ambient == sets.ambient,
                           "own_capabilities differs");
            }),
            "");
}

TEST(Capabilities, AskingForOneThatWeDoNotHoldNamesIt) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(set_capabilities({.effective = kSome, .permitted = kSome}));
              return set_capabilities({.permitted = kSome | bit(CAP_SYS_ADMIN)});
            }),
            "set capabilities: we do not hold CAP_SYS_ADMIN: operation not permitted");
}

TEST(Capabilities, AnAmbientOneMustBeInheritable) {
  EXPECT_EQ(in_child([]() -> Result<> {
              return set_capabilities({.permitted = kSome, .ambient = bit(CAP_KILL)});
            }),
            "raise ambient CAP_KILL: operation not permitted");
}

TEST(User, IdsGroupsAndUmaskAreSet) {
  EXPECT_EQ(
      in_child([]() -> Result<> {
        HF_DO(set_user({.uid = 1234, .gid = 2345, .umask = 027, .additional_gids = {7, 5}}, false));
        HF_DO(same(status_field("Uid"), "1234\t1234\t1234\t1234", "Uid"));
        HF_DO(same(status_field("Gid"), "2345\t2345\t2345\t2345", "Gid"));
        HF_DO(same(status_field("Groups"), "5 7", "Groups"));
        return same(status_field("Umask"), "0027", "Umask");
      }),
      "");
}

TEST(User, TheCallersGroupsAndUmaskAreNotInherited) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(set_user({.additional_gids = {42}}, false));
              ::umask(0);
              HF_DO(set_user({}, false));
              HF_DO(same(status_field("Groups"), "", "Groups"));
              return same(status_field("Umask"), "0022", "Umask");
            }),
            "");
}

// A user namespace of one's own, with one id and setgroups denied, as a user makes it.
Result<> enter_poor_user_namespace() {
  if (::unshare(CLONE_NEWUSER) != 0) return os_error("unshare");
  HF_TRY(DirFd self, DirFd::open("/proc/self"));
  HF_DO(self.write("setgroups", "deny"));
  HF_DO(self.write("uid_map", "0 0 1"));
  return self.write("gid_map", "0 0 1");
}

TEST(User, AdditionalGroupsWithoutSetgroupsAreAnError) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(enter_poor_user_namespace());
              return set_user({.additional_gids = {7}}, true);
            }),
            "set additional groups in this user namespace: operation not permitted");
}

TEST(User, WithoutSetgroupsARootlessContainerKeepsItsCallersGroups) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(enter_poor_user_namespace());
              return set_user({}, true);
            }),
            "");
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(enter_poor_user_namespace());
              return set_user({}, false);
            }),
            "set 0 additional groups: operation not permitted");
}

TEST(User, MinusOneDoesNotKeepTheCallersId) {
  EXPECT_EQ(in_child([]() -> Result<> { return set_user({.uid = UINT32_MAX, .gid = 1}, false); }),
            "set user 4294967295:1: not a valid id");
}

TEST(Rlimits, AreSetBothSoftAndHard) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(set_rlimits({{"RLIMIT_NOFILE", 33, 44}, {"RLIMIT_CORE", 0, 0}}));
              rlimit files{}, core{};
              ::getrlimit(RLIMIT_NOFILE, &files);
              ::getrlimit(RLIMIT_CORE, &core);
              return check(files.rlim_cur == 33 && files.rlim_max == 44 && core.rlim_max == 0,
                           "not as set");
            }),
            "");
}

TEST(Rlimits, RaisingTheHardLimitWithoutTheCapabilitySaysWhatIsMissing) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(set_rlimits({{"RLIMIT_NOFILE", 33, 44}}));
              HF_DO(set_capabilities({}));
              return set_rlimits({{"RLIMIT_NOFILE", 33, 45}});
            }),
            "set rlimit RLIMIT_NOFILE: raising the hard limit from 44 to 45 needs "
            "CAP_SYS_RESOURCE: operation not permitted");
}

TEST(Rlimits, NonsenseIsRefused) {
  EXPECT_EQ(in_child([]() -> Result<> {
              return set_rlimits({{"RLIMIT_NOFILE", 5, 4}});
            }),
            "set rlimit RLIMIT_NOFILE: soft limit 5 is above hard limit 4");
  EXPECT_EQ(in_child([]() -> Result<> {
              return set_rlimits({{"RLIMIT_FILES", 4, 4}});
            }),
            "set rlimit RLIMIT_FILES: unknown type");
}

TEST(OomScore, IsRaisedAndReadBack) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_TRY(const DirFd procfs, host_procfs());
              HF_DO(set_oom_score(procfs, 777));
              HF_TRY(const std::string shown, read_file("/proc/self/oom_score_adj"));
              return same(shown, "777\n", "oom_score_adj");
            }),
            "");
}

TEST(OomScore, LoweringItWithoutTheCapabilitySaysWhatIsMissing) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_TRY(const DirFd procfs, host_procfs());
              HF_DO(set_capabilities({}));
              return set_oom_score(procfs, -1000);
            }),
            "set oom_score_adj -1000: lowering it needs CAP_SYS_RESOURCE: permission denied");
}

}  // namespace
}  // namespace holdfast
