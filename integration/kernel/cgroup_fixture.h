// A container's cgroups on this host's own hierarchies, under a private name; every test leaves the
// host as it was.
#pragma once

#include <gtest/gtest.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/hierarchy.h"
#include "sandbox/kernel/cgroup/place.h"

namespace holdfast {

inline std::string text(const Error& failure) { return failure.message; }

#define ASSERT_DONE(expression)                                        \
  do {                                                                 \
    const auto done_ = (expression);                                   \
    ASSERT_TRUE(done_.has_value()) << ::holdfast::text(done_.error()); \
  } while (false)

class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    auto host = cgroup::read_hierarchies();
    ASSERT_TRUE(host) << text(host.error());
    if (host->mode == HostFacts::Cgroup::kNone) GTEST_SKIP() << "no cgroup hierarchy is mounted";
    name_ = fmt::format("holdfast-test-{}", ::getpid());
    plan_.path = fmt::format("/{}/c1", name_);
  }

  void TearDown() override {
    if (record_.directories.empty()) return;
    EXPECT_TRUE(remove_cgroups(record_));
    for (const auto& each : record_.directories) {
      EXPECT_NE(::access(each.directory.c_str(), F_OK), 0) << each.directory << " is left";
      ::rmdir(each.directory.substr(0, each.directory.rfind('/')).c_str());
    }
  }

  void make() {
    auto record = plan_cgroups(plan_, "c1", false);
    ASSERT_TRUE(record) << text(record.error());
    record_ = std::move(*record);
    ASSERT_DONE(create_cgroups(record_, plan_.resources, 0));
    ASSERT_DONE(limit_cgroups(record_, plan_.resources));
  }

  // A child that joins as a container's first process does, then runs `body` and waits to be
  // killed.
  pid_t join(const std::function<int()>& body) {
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    auto v2 = v2_directory(record_);
    EXPECT_TRUE(v2) << text(v2.error());
    clone_args arguments{};
    arguments.exit_signal = SIGCHLD;
    if (v2 && *v2) {
      arguments.flags = CLONE_INTO_CGROUP;
      arguments.cgroup = static_cast<uint64_t>(v2->get());
    }
    const pid_t pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0) {
      if (!attach_v1(record_)) ::_exit(90);
      const int status = body();
      if (status != 0) ::_exit(status);
      (void)!::write(ready[1], "r", 1);
      while (true) ::pause();
    }
    EXPECT_GT(pid, 0);
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "the child did not come up";
    ::close(ready[0]);
    return pid;
  }

  int status_of(pid_t pid) {
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return status;
  }

  std::string value(std::string_view controller, std::string_view file) {
    const auto* place = cgroup::find_controller(record_, controller);
    if (!place) place = cgroup::find_v2(record_);
    auto read = cgroup::read_control(place->directory, file);
    return read && *read ? **read : "(none)";
  }
  bool v1(std::string_view controller) { return cgroup::find_controller(record_, controller); }

  std::string name_;
  CgroupPlan plan_;
  CgroupRecord record_;
};

}  // namespace holdfast
