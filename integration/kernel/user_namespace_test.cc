// What is found out about user namespaces that exist, and about what can be mounted id-mapped.
#include "sandbox/kernel/user_namespace.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "sandbox/kernel/idmap.h"
#include "sandbox/kernel/idmap_trial.h"

namespace holdfast {
namespace {

class UserNamespaces : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  // In a mount namespace of its own, with a scratch directory that is a tmpfs.
  static void in_child(const std::function<void(const std::string& scratch)>& body) {
    char scratch[] = "/tmp/holdfast-userns-XXXXXX";
    ASSERT_NE(::mkdtemp(scratch), nullptr);
    ::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
      EXPECT_EQ(::unshare(CLONE_NEWNS), 0);
      EXPECT_EQ(::mount("", "/", "", MS_REC | MS_PRIVATE, nullptr), 0);
      EXPECT_EQ(::mount("t", scratch, "tmpfs", 0, "mode=755"), 0);
      if (!HasFailure()) body(scratch);
      ::fflush(nullptr);
      ::_exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0) << "failures in the child";
    EXPECT_EQ(::rmdir(scratch), 0);
  }
  static void make_directory(const std::string& path) {
    ASSERT_EQ(::mkdir(path.c_str(), 0755), 0) << path;
  }
};

TEST_F(UserNamespaces, TheOwnerOfANamespaceIsFound) {
  auto carrier = NamespaceCarrier::start(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC);
  ASSERT_TRUE(carrier) << carrier.error().message;
  const std::vector<oci::IdMapping> map = {{0, 3000000, 65536}, {65536, 1, 1}};
  ASSERT_TRUE(carrier->map_ids(map, {{0, 4000000, 65536}}));
  const auto process = carrier->process();
  ASSERT_TRUE(process);
  struct stat wanted {};
  ASSERT_EQ(::fstatat(process->get(), "ns/user", &wanted, 0), 0);
  for (const char* name : {"ns/user", "ns/net", "ns/ipc"}) {
    const auto found =
        open_user_namespace(fmt::format("/proc/self/fd/{}/{}", process->get(), name));
    ASSERT_TRUE(found) << found.error().message;
    struct stat info {};
    ASSERT_EQ(::fstat(found->get(), &info), 0);
    EXPECT_EQ(info.st_ino, wanted.st_ino) << name;
    EXPECT_FALSE(is_own_user_namespace(*found).value_or(true));
    const auto maps = maps_of(*found);
    ASSERT_TRUE(maps) << maps.error().message;
    ASSERT_EQ(maps->uids.size(), 2u);
    EXPECT_EQ(outside_id(maps->uids, 5), 3000005u);
    EXPECT_EQ(outside_id(maps->uids, 65536), 1u);
    EXPECT_EQ(outside_id(maps->uids, 65537), std::nullopt);
    EXPECT_EQ(outside_id(maps->gids, 0), 4000000u);
  }
  // That of mounts is the host's: it was not made anew.
  const auto host = open_user_namespace(fmt::format("/proc/self/fd/{}/ns/mnt", process->get()));
  ASSERT_TRUE(host);
  EXPECT_TRUE(is_own_user_namespace(*host).value_or(false));
}

TEST_F(UserNamespaces, WhatIsNoNamespaceIsAnError) {
  const auto file = open_user_namespace("/dev/null");
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("/dev/null is no namespace"), std::string::npos);
  EXPECT_FALSE(open_user_namespace("/nowhere"));
}

TEST_F(UserNamespaces, ATrialTellsWhatCanBeMappedAndWhy) {
  in_child([](const std::string& scratch) {
    for (const char* name : {"/plain", "/tree", "/tree/below", "/lower", "/merged", "/over"})
      make_directory(scratch + name);
    ASSERT_EQ(::mount("b", (scratch + "/tree/below").c_str(), "tmpfs", 0, nullptr), 0);
    const std::string layers = "lowerdir=" + scratch + "/lower:" + scratch + "/plain";
    for (const char* name : {"/merged", "/over"})
      ASSERT_EQ(::mount("overlay", (scratch + name).c_str(), "overlay", 0, layers.c_str()), 0);
    make_directory(scratch + "/holder");
    ASSERT_EQ(::mount("b", (scratch + "/holder").c_str(), "tmpfs", 0, nullptr), 0);
    make_directory(scratch + "/holder/over");
    ASSERT_EQ(::mount("overlay", (scratch + "/holder/over").c_str(), "overlay", 0, layers.c_str()),
              0);
    ASSERT_EQ(::mknod((scratch + "/closed").c_str(), S_IFCHR | 0600, ::makedev(1, 3)), 0);
    std::vector<MapTrial> trials = {
        {scratch + "/plain", true},  {scratch + "/tree", true},   {scratch + "/tree", false},
        {scratch + "/merged", true}, {scratch + "/holder", true}, {scratch + "/missing", true},
        {"/proc/sys", true},         {"/dev/null", false},        {scratch + "/closed", false}};
    const auto tried = try_id_maps(trials);
    ASSERT_TRUE(tried) << tried.error().message;
    EXPECT_EQ(trials[0].problem, "");
    EXPECT_EQ(trials[1].problem, "");
    EXPECT_NE(trials[2].problem.find("needs \"rbind\""), std::string::npos) << trials[2].problem;
    EXPECT_EQ(trials[3].problem, scratch +
                                     "/merged: overlay, or what is mounted below it, cannot "
                                     "be id-mapped");
    EXPECT_NE(trials[4].problem.find("what is mounted below it, cannot be id-mapped"),
              std::string::npos);
    EXPECT_NE(trials[5].problem.find("no such file"), std::string::npos);
    for (const size_t i : {0, 1, 2, 3, 4, 5}) EXPECT_FALSE(trials[i].kernel) << i;
    for (const size_t i : {6, 7, 8}) EXPECT_TRUE(trials[i].kernel) << i;
    EXPECT_EQ(trials[6].problem + trials[7].problem, "");
    EXPECT_NE(trials[8].problem.find("only its owner on the host may use"), std::string::npos);
  });
}

}  // namespace
}  // namespace holdfast
