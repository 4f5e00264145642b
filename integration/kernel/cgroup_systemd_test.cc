// The systemd cgroup driver against the systemd that runs this host; skipped where there is none.
#include "integration/kernel/cgroup_fixture.h"

namespace holdfast {
namespace {

class SystemdCgroupTest : public CgroupTest {
 protected:
  void SetUp() override {
    if (::access("/run/systemd/system", F_OK) != 0) GTEST_SKIP() << "systemd does not run here";
    user_ = ::geteuid() != 0;  // the user's manager, as rootless engines use it
    if (user_ && !::getenv("XDG_RUNTIME_DIR")) GTEST_SKIP() << "no user session";
    if (!user_) CgroupTest::SetUp();
    plan_.driver = CgroupDriver::kSystemd;
    plan_.path = fmt::format("hftest-{}.slice:hftest:c1", ::getpid());
    unit_ = "hftest-c1.scope";
    slice_ = fmt::format("/hftest.slice/hftest-{}.slice", ::getpid());
  }

  // Stage 1: waits until its scope stands, joins v1, clones the first process into v2, and ends.
  void start() {
    auto record = plan_cgroups(plan_, "c1", user_);
    ASSERT_TRUE(record) << text(record.error());
    record_ = std::move(*record);
    int go[2], born[2];
    ASSERT_EQ(::pipe2(go, O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(born, O_CLOEXEC), 0);
    stage_ = ::fork();
    if (stage_ == 0) stage(go[0], born[1]);
    ::close(go[0]);
    ::close(born[1]);
    auto made = create_cgroups(record_, plan_.resources, stage_);
    if (made) {
      made = limit_cgroups(record_, plan_.resources);
      if (!made) ASSERT_DONE(remove_cgroups(record_));
    }
    if (!made) failure_ = text(made.error());
    EXPECT_EQ(::write(go[1], made ? "g" : "x", 1), 1);
    if (made && ::read(born[0], &init_, sizeof init_) != sizeof init_)
      failure_ = "no first process";
    ::close(go[1]);
    ::close(born[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(stage_, &status, 0), stage_);
  }

  [[noreturn]] void stage(int go, int born) {
    char byte = 0;
    if (::read(go, &byte, 1) != 1 || byte != 'g') ::_exit(1);
    if (!attach_v1(record_)) ::_exit(2);
    auto v2 = v2_directory(record_);
    if (!v2) ::_exit(3);
    clone_args arguments{};
    arguments.exit_signal = SIGCHLD;
    if (*v2) {
      arguments.flags = CLONE_INTO_CGROUP;
      arguments.cgroup = static_cast<uint64_t>(v2->get());
    }
    const pid_t pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0)
      while (true) ::pause();
    (void)!::write(born, &pid, sizeof pid);
    ::_exit(pid > 0 ? 0 : 4);
  }

  // What `systemctl show -P NAME` says.
  std::string property(const char* name) {
    std::FILE* pipe = ::popen(
        fmt::format("systemctl {} show -P {} {}", user_ ? "--user" : "", name, unit_).c_str(),
        "re");
    char line[4096] = {};
    if (!std::fgets(line, sizeof line, pipe)) line[0] = 0;
    ::pclose(pipe);
    return std::string(trim(line));
  }

  std::string unit_, slice_;
  bool user_ = false;
  std::string failure_;  // of create_cgroups
  pid_t stage_ = 0, init_ = 0;
};

TEST_F(SystemdCgroupTest, AScopeOutlivesStageOneAndIsGoneAfterRemoval) {
  plan_.resources.memory.emplace();
  plan_.resources.memory->limit = 64 << 20;
  plan_.resources.pids.emplace();
  plan_.resources.pids->limit = 33;
  plan_.resources.cpu.emplace();
  plan_.resources.cpu->shares = 512;
  plan_.resources.cpu->quota = 50000;
  plan_.resources.cpu->period = 100000;
  if (!user_) plan_.resources.cpu->cpus = "0";  // cpuset is not handed to users
  start();
  ASSERT_GT(init_, 0) << failure_;
  EXPECT_EQ(record_.unit, unit_);
  auto lines = read_file(fmt::format("/proc/{}/cgroup", init_));
  ASSERT_TRUE(lines);
  EXPECT_NE(lines->find(fmt::format("{}/{}\n", slice_, unit_)), std::string::npos) << *lines;
  for (const std::string_view line : split(*lines, '\n'))
    if (!line.empty()) {
      EXPECT_NE(line.find(unit_), std::string_view::npos) << line;
    }
  EXPECT_EQ(property("ActiveState"), "active");
  EXPECT_EQ(property("Slice"), fmt::format("hftest-{}.slice", ::getpid()));
  EXPECT_EQ(property("Delegate"), "yes");
  EXPECT_EQ(property("TasksMax"), "33");
  EXPECT_EQ(property("AllowedCPUs"), user_ ? "" : "0");
  EXPECT_EQ(property("DevicePolicy"), user_ ? "auto" : "strict");
  EXPECT_EQ(property("CPUQuotaPerSecUSec"), "500ms");
  const bool v2 = record_.mode == HostFacts::Cgroup::kV2;
  EXPECT_EQ(property(v2 ? "MemoryMax" : "MemoryLimit"), "67108864");
  EXPECT_EQ(value("memory", v2 ? "memory.max" : "memory.limit_in_bytes"), "67108864");
  EXPECT_EQ(value("pids", "pids.max"), "33");
  EXPECT_EQ(value("cpu", v2 ? "cpu.weight" : "cpu.shares"), v2 ? "59" : "512");

  oci::Resources change;
  change.pids.emplace();
  change.pids->limit = 44;
  change.memory.emplace();
  change.memory->limit = 128 << 20;
  change.memory->swap = 256 << 20;
  ASSERT_DONE(update_cgroups(record_, change));
  EXPECT_EQ(property("TasksMax"), "44");
  EXPECT_EQ(value("pids", "pids.max"), "44");
  EXPECT_EQ(value("memory", v2 ? "memory.max" : "memory.limit_in_bytes"), "134217728");

  // What systemd would put back on a reload is what we asked for.
  ASSERT_EQ(std::system(user_ ? "systemctl --user daemon-reload" : "systemctl daemon-reload"), 0);
  EXPECT_EQ(value("pids", "pids.max"), "44");
  EXPECT_EQ(value("memory", v2 ? "memory.max" : "memory.limit_in_bytes"), "134217728");
  auto inside = processes(record_);
  ASSERT_TRUE(inside);
  EXPECT_EQ(*inside, std::vector<pid_t>{init_});

  ASSERT_DONE(kill_all(record_, SIGKILL));
  ASSERT_DONE(remove_cgroups(record_));
  EXPECT_EQ(property("LoadState"), "not-found");
  ASSERT_DONE(remove_cgroups(record_));  // a second time: nothing is there, which is no error
}

TEST_F(SystemdCgroupTest, AUnitThatIsThereAlreadyIsAnError) {
  start();
  ASSERT_GT(init_, 0) << failure_;
  const auto again = create_cgroups(record_, plan_.resources, ::getpid());
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find(unit_), std::string::npos) << again.error().message;
  ASSERT_DONE(kill_all(record_, SIGKILL));
}

TEST_F(SystemdCgroupTest, ALimitThatTheKernelRefusesLeavesNoUnit) {
  plan_.resources.cpu.emplace();
  plan_.resources.cpu->cpus = "60000";
  start();
  EXPECT_EQ(init_, 0);
  EXPECT_NE(failure_, "");
  EXPECT_EQ(property("LoadState"), "not-found");
}

}  // namespace
}  // namespace holdfast
