// Labels under a kernel that enforces them: run in the guest (integration/guest) with --lsm apparmor or
// selinux. Elsewhere these tests are skipped, by name of the module that is not enabled.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <fstream>

#include "integration/kernel/process_support.h"
#include "profiles/policy/apparmor_profile.h"
#include "sandbox/kernel/apparmor.h"
#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"
#include "sandbox/kernel/verify.h"
#include "sandbox/launch/apparmor_loader.h"
#include "sandbox/launch/profile_claims.h"

namespace holdfast {
namespace {

using testing_support::check;
using testing_support::in_child;
using testing_support::same;

// What `command`, a shell's, prints when it is executed after `prepare`; or the error of `prepare`.
std::string output_after(const std::function<Result<>()>& prepare,
                         const std::vector<std::string>& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "pipe";
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
    std::vector<char*> arguments;
    for (const auto& each : command) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    const auto prepared = prepare();
    if (prepared) ::execv(arguments[0], arguments.data());
    (void)write_all(Fd(1), prepared ? "execute: " + errno_text(errno) : prepared.error().message);
    ::_exit(1);
  }
  Fd mine(ends[0]);
  ::close(ends[1]);
  auto text = read_all(mine, 1 << 20);
  ::waitpid(pid, nullptr, 0);
  return text.value_or("no output");
}

class AppArmor : public testing::Test {
 protected:
  void SetUp() override {
    if (!apparmor_enabled()) GTEST_SKIP() << "AppArmor is not enabled in this kernel";
    ASSERT_EQ(std::system("printf 'profile holdfast-test flags=(attach_disconnected) { file, "
                          "capability, deny /etc/shadow r, }' | apparmor_parser -r -K"),
              0);
  }
};

TEST_F(AppArmor, TheProfileHoldsFromTheFirstInstructionOfTheProgram) {
  const auto label = [] {
    auto procfs = host_procfs();
    return procfs ? set_apparmor_on_exec(*procfs, "holdfast-test") : Result<>(error("no procfs"));
  };
  EXPECT_EQ(output_after(label, {"/bin/cat", "/proc/self/attr/current"}),
            "holdfast-test (enforce)\n");
  const std::string denied = output_after(label, {"/bin/cat", "/etc/shadow"});
  EXPECT_NE(denied.find("Permission denied"), std::string::npos) << denied;
}

TEST_F(AppArmor, AProfileThatIsNotLoadedIsAnErrorThatEnginesRecognise) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_TRY(const DirFd procfs, host_procfs());
              return set_apparmor_on_exec(procfs, "holdfast-no-such-profile");
            }),
            "apparmor profile holdfast-no-such-profile: write "
            "`/proc/thread-self/attr/apparmor/exec`: no such file or directory");
}

TEST_F(AppArmor, UnconfinedCanBeAskedFor) {
  const auto label = [] {
    auto procfs = host_procfs();
    return procfs ? set_apparmor_on_exec(*procfs, "unconfined") : Result<>(error("no procfs"));
  };
  EXPECT_EQ(output_after(label, {"/bin/cat", "/proc/self/attr/current"}), "unconfined\n");
}

// What a profile made of a plan denies although the engine's allows it, and what it must not.
constexpr const char* kAttempts = R"(
import os, signal, socket
ODD = '/tmp/holdfast-odd {a,b}*?[c]@{d}^"\\\n\xe9'
def attempt(name, act):
    try: act()
    except OSError as e: print(name, os.strerror(e.errno))
    else: print(name, 'done')
def write(path):
    with open(path) as f: text = f.read()
    with open(path, 'w') as f: f.write(text)
def end_child():
    child = os.fork()
    if not child: signal.pause()
    try: os.kill(child, signal.SIGTERM)
    except OSError: os.kill(child, signal.SIGKILL); raise
    finally: os.waitpid(child, 0)
attempt('sysctl', lambda: write('/proc/sys/kernel/shm_rmid_forced'))
attempt('firmware', lambda: os.listdir('/sys/firmware'))
attempt('alg', lambda: socket.socket(38, socket.SOCK_SEQPACKET))
attempt('inet', lambda: socket.socket())
attempt('nice', lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))
attempt('chown', lambda: os.chown('/tmp', 0, 0))
attempt('signal', end_child)
attempt('odd', lambda: write(ODD))
attempt('likeness', lambda: write('/tmp/holdfast-odd a'))
)";

TEST_F(AppArmor, AProfileOfThePlanDeniesWhatTheEnginesAllows) {
  ASSERT_EQ(std::system("printf 'profile holdfast-engine flags=(attach_disconnected) { file, "
                        "capability, network, signal (send,receive) peer=holdfast-engine, signal "
                        "(receive) peer=unconfined, }' | apparmor_parser -r -K"),
            0);
  Plan plan;
  plan.process.capabilities.bounding = uint64_t{1} << CAP_CHOWN | uint64_t{1} << CAP_KILL;
  plan.namespaces = {{oci::NamespaceType::kPid, ""}};
  plan.masked_paths = {"/sys/firmware"};
  // Of what AppArmor's language reads as patterns and variables only the path itself.
  constexpr const char* kOdd = "/tmp/holdfast-odd {a,b}*?[c]@{d}^\"\\\n\303\251";
  constexpr const char* kLikeness = "/tmp/holdfast-odd a";
  plan.readonly_paths = {"/proc/sys", kOdd};
  for (const char* path : {kOdd, kLikeness}) ASSERT_TRUE(std::ofstream(path) << "x");
  const AppArmorProfile ours = apparmor_profile(plan, {.stacked = true});
  char directory[] = "/tmp/holdfast-lsm-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::string cache = std::string(directory) + "/cache";
  const auto loaded = load_apparmor_profile(ours, cache);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, "");
  EXPECT_TRUE(apparmor_profile_loaded(ours.label).value_or(false));
  EXPECT_EQ(std::system(("test $(ls " + cache + " | wc -l) = 1").c_str()), 0);
  // What is loaded is not compiled again: a cache that cannot be used is of no matter.
  EXPECT_EQ(load_apparmor_profile(ours, "/proc/none/such").value_or("an error"), "");

  const auto under = [](std::string label) {
    return output_after(
        [label = std::move(label)]() -> Result<> {
          HF_TRY(const DirFd procfs, host_procfs());
          return set_apparmor_on_exec(procfs, label);
        },
        {"/usr/bin/python3", "-c", kAttempts});
  };
  EXPECT_EQ(under("holdfast-engine"),
            "sysctl done\nfirmware done\nalg done\ninet done\nnice done\nchown done\nsignal done\n"
            "odd done\nlikeness done\n");
  EXPECT_EQ(under("holdfast-engine//&" + ours.label),
            "sysctl Permission denied\nfirmware Permission denied\nalg Permission denied\n"
            "inet done\nnice Permission denied\nchown done\nsignal done\n"
            "odd Permission denied\nlikeness done\n");
  for (const char* path : {kOdd, kLikeness}) ::unlink(path);
  EXPECT_EQ(std::system((std::string("rm -r ") + directory).c_str()), 0);
}

TEST_F(AppArmor, ProfilesThatNobodyHasLeaveTheKernel) {
  char directory[] = "/tmp/holdfast-lsm-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::string top = directory;
  struct Container {
    AppArmorProfile profile;
    IdHolder holder;
  };
  // Their plans differ in a capability, or they would have one profile together.
  const auto container = [&](int capability) {
    Plan plan;
    plan.process.capabilities.bounding = uint64_t{1} << capability;
    Container made{apparmor_profile(plan, {.stacked = true}), {}};
    const std::string state = fmt::format("{}/{}", top, capability);
    EXPECT_EQ(::mkdir(state.c_str(), 0700), 0);
    const auto opened = DirFd::open(state);
    if (opened) made.holder = id_holder(*opened).value_or(IdHolder{});
    EXPECT_EQ(claim_profile(made.profile.label, made.holder, top + "/claims", 2).value_or("error"),
              "");
    EXPECT_EQ(load_apparmor_profile(made.profile, top + "/cache").value_or("error"), "");
    return made;
  };
  const auto loaded = [](const Container& each) {
    return apparmor_profile_loaded(each.profile.label).value_or(false);
  };
  const Container gone = container(CAP_CHOWN), running = container(CAP_KILL);
  EXPECT_TRUE(loaded(gone) && loaded(running));
  // A process that outlives its container's directory.
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto procfs = host_procfs();
    if (!procfs || !set_apparmor_on_exec(*procfs, running.profile.label)) ::_exit(1);
    ::execl("/bin/sleep", "sleep", "1000", nullptr);
    ::_exit(1);
  }
  ::close(ends[1]);
  char none;
  EXPECT_EQ(::read(ends[0], &none, 1), 0);  // closed by its execve
  ::close(ends[0]);
  EXPECT_TRUE(verify_apparmor(child, running.profile.label));
  for (const Container* each : {&gone, &running})
    EXPECT_EQ(::rmdir(each->holder.directory.c_str()), 0);
  const Container third = container(CAP_FOWNER);
  EXPECT_FALSE(loaded(gone));
  EXPECT_TRUE(loaded(running) && loaded(third));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  // One that was given back is as good as gone; the namespace itself stays.
  EXPECT_TRUE(release_profile(third.profile.label, third.holder, top + "/claims"));
  const Container fourth = container(CAP_SETUID);
  EXPECT_TRUE(!loaded(running) && !loaded(third) && loaded(fourth));
  EXPECT_FALSE(unload_apparmor_profile(":holdfast:"));
  EXPECT_TRUE(loaded(fourth));
  EXPECT_EQ(std::system(("rm -r " + top).c_str()), 0);
}

TEST_F(AppArmor, ARunningProgramIsHeldToTheProfileOfItsPlan) {
  // We are not confined.
  EXPECT_TRUE(verify_apparmor(::getpid(), "docker-default"));
  EXPECT_TRUE(verify_apparmor(::getpid(), ""));
  const auto verified = verify_apparmor(::getpid(), "docker-default//&:holdfast:holdfast-0123");
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().message,
            "apparmor label: the kernel shows unconfined instead of "
            "docker-default//&:holdfast:holdfast-0123");
}

TEST_F(AppArmor, LoadedProfilesAreKnown) {
  EXPECT_TRUE(apparmor_profile_loaded("holdfast-test").value_or(false));
  EXPECT_FALSE(apparmor_profile_loaded("holdfast-tes").value_or(true));
}

constexpr const char* kLabel = "system_u:system_r:container_t:s0:c1,c2";

class SeLinux : public testing::Test {
 protected:
  void SetUp() override {
    if (!selinux_enabled()) GTEST_SKIP() << "SELinux is not enabled in this kernel";
    ASSERT_EQ(
        std::system("mkdir -p /opt/holdfast-test && cp /bin/busybox /opt/holdfast-test/ && "
                    "chcon -R system_u:object_r:container_file_t:s0:c1,c2 /opt/holdfast-test"),
        0);
  }
};

TEST_F(SeLinux, TheLabelHoldsFromTheFirstInstructionOfTheProgram) {
  const auto label = []() -> Result<> {
    HF_TRY(const DirFd procfs, host_procfs());
    // container_t may not search the directories above.
    if (::chdir("/opt/holdfast-test") != 0) return os_error("chdir");
    return set_selinux_on_exec(procfs, kLabel);
  };
  std::string shown = output_after(label, {"./busybox", "cat", "/proc/self/attr/current"});
  while (shown.ends_with('\0') || shown.ends_with('\n')) shown.pop_back();
  EXPECT_EQ(shown, kLabel);
}

TEST_F(SeLinux, ALabelThatThePolicyDoesNotKnowIsAnError) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_TRY(const DirFd procfs, host_procfs());
              return set_selinux_on_exec(procfs, "system_u:system_r:no_such_t:s0");
            }),
            "selinux label system_u:system_r:no_such_t:s0: `/proc/thread-self/attr/exec`: "
            "invalid argument");
  EXPECT_TRUE(check_selinux_label(kLabel));
  EXPECT_FALSE(check_selinux_label("system_u:system_r:no_such_t:s0"));
}

TEST_F(SeLinux, TheLabelIsReadBackFromOutside) {
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto procfs = host_procfs();
    const bool set = procfs && set_selinux_on_exec(*procfs, kLabel);
    (void)!::write(ready[1], set ? "y" : "n", 1);
    while (true) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  Plan plan;
  const auto told = [&](const std::string& label) {
    plan.process.selinux_label = label;
    const auto found = examine_process({.pid = pid, .plan = plan, .process = plan.process});
    if (!found) return found.error().message;
    const auto holds = found->verdict();
    return holds ? "" : holds.error().message;
  };
  // The rest of the empty plan differs; what counts is what is said of the label.
  EXPECT_EQ(told(kLabel).find("attr/exec"), std::string::npos) << told(kLabel);
  EXPECT_NE(told("other").find(fmt::format("attr/exec {} instead of other", kLabel)),
            std::string::npos)
      << told("other");
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(SeLinux, TheSessionKeyringGetsTheLabelAndLaterOnesDoNot) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_TRY(const DirFd procfs, host_procfs());
              HF_DO(set_selinux_key_label(procfs, kLabel));
              HF_DO(new_session_keyring(fmt::format("lsm-{}", ::getpid()), false));
              HF_DO(set_selinux_key_label(procfs, ""));
              char text[256] = {};
              if (::syscall(SYS_keyctl, KEYCTL_GET_SECURITY, KEY_SPEC_SESSION_KEYRING, text,
                            sizeof text, 0) < 0)
                return os_error("keyctl");
              HF_DO(same(std::string_view(text), kLabel, "label"));
              HF_TRY(const std::string left, read_file("/proc/self/attr/keycreate"));
              return same(left, "", "keycreate");
            }),
            "");
}

}  // namespace
}  // namespace holdfast
