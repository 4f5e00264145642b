// Hooks as real programs: what they get, what they cannot get, and how they end.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include <cstdlib>

#include "integration/kernel/process_support.h"
#include "sandbox/launch/hooks.h"

namespace holdfast {
namespace {

constexpr const char* kShell = "/bin/sh";

// A directory for what a hook writes.
class Hooks : public testing::Test {
 protected:
  void SetUp() override {
    char where[] = "/tmp/holdfast-hooks-XXXXXX";
    ASSERT_TRUE(::mkdtemp(where));
    path_ = where;
    cwd_ = *DirFd::open(path_);
  }
  void TearDown() override {
    const std::string name = path_.substr(path_.rfind('/') + 1);
    (void)DirFd::open("/tmp")->remove_tree(name);
  }
  static oci::Hook script(const std::string& text) {
    return {.path = kShell, .args = {"sh", "-c", text}, .env = {}, .timeout = {}};
  }
  std::string run(std::vector<oci::Hook> hooks, const std::string& state = "{}") {
    const auto done = run_hooks("createRuntime", hooks, state, cwd_);
    return done ? "" : done.error().message;
  }
  std::string result() { return cwd_.read("out").value_or("nothing written"); }

  std::string path_;
  DirFd cwd_;
};

double seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

TEST_F(Hooks, GetTheStateDocumentOnStandardInput) {
  const std::string state(200000, 'x');
  EXPECT_EQ(run({script("cat > out"), script("wc -c > count")}, state), "");
  EXPECT_EQ(result(), state);
  EXPECT_EQ(*cwd_.read("count"), "200000\n") << "the second hook reads it from its start, too";
}

TEST_F(Hooks, OneThatDoesNotReadItsInputIsFine) {
  EXPECT_EQ(run({script("true")}, std::string(1 << 20, 'x')), "");
}

TEST_F(Hooks, RunInTheGivenDirectoryWithTheirArgumentsAsGiven) {
  EXPECT_EQ(run({{.path = kShell, .args = {"other name", "-c", "echo $0 > out; pwd -P >> out"}}}),
            "");
  EXPECT_EQ(result(), "other name\n" + path_ + "\n");
}

TEST_F(Hooks, WithoutArgumentsThePathIsTheName) { EXPECT_EQ(run({{.path = "/bin/true"}}), ""); }

TEST_F(Hooks, EscapeLdPreloadOfTheRuntimeIsNotInherited) {
  ::setenv("LD_PRELOAD", "/container/evil.so", 1);
  EXPECT_EQ(run({{.path = "/usr/bin/env", .args = {"env"}},
                 {.path = kShell,
                  .args = {"sh", "-c", "tr '\\0' '\\n' < /proc/$$/environ > out"},
                  .env = {"A=1", "B=two words"}}}),
            "");
  ::unsetenv("LD_PRELOAD");
  EXPECT_EQ(result(), "A=1\nB=two words\n");
}

TEST_F(Hooks, EscapeDescriptorsOfTheRuntimeAreNotInherited) {
  // Deliberately without close-on-exec: a caller may have leaked it into us.
  const int leaked = ::open("/", O_RDONLY | O_DIRECTORY);
  ASSERT_GE(::dup2(leaked, 77), 0);
  EXPECT_EQ(run({script("ls /proc/self/fd > out")}), "");
  ::close(77);
  ::close(leaked);
  // 3 is ls' own, of the directory.
  EXPECT_EQ(result(), "0\n1\n2\n3\n");
}

TEST_F(Hooks, SignalsAreAtTheirDefaultsAndUnblocked) {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, old;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &old);
  EXPECT_EQ(run({script("grep -E 'Sig(Blk|Ign)' /proc/self/status > out")}), "");
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
  ::signal(SIGPIPE, before);
  EXPECT_EQ(result(), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(Hooks, AFailureNamesPointIndexPathStatusAndLastLine) {
  EXPECT_EQ(run({script("true"), script("echo one >&2; echo two >&2; exit 3"), script("> out")}),
            "createRuntime hook 2 (/bin/sh): exit status 3: two");
  EXPECT_EQ(result(), "nothing written") << "the hooks behind it do not run";
}

TEST_F(Hooks, ControlCharactersOfTheirOutputDoNotReachTheError) {
  EXPECT_EQ(run({script("printf 'a\\033[31mb\\n' >&2; exit 1")}),
            "createRuntime hook 1 (/bin/sh): exit status 1: a [31mb");
}

TEST_F(Hooks, EndlessOutputDoesNotBlockThem) {
  EXPECT_EQ(run({script("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo end >&2; "
                        "exit 1")})
                .substr(0, 47),
            "createRuntime hook 1 (/bin/sh): exit status 1: ");
}

TEST_F(Hooks, ASignalIsTold) {
  EXPECT_EQ(run({script("kill -9 $$")}), "createRuntime hook 1 (/bin/sh): killed by signal 9");
}

TEST_F(Hooks, WhatCannotBeExecutedIsTold) {
  EXPECT_EQ(run({{.path = "/nonexistent"}}),
            "createRuntime hook 1 (/nonexistent): execute: no such file or directory");
  EXPECT_EQ(run({{.path = "bin/true"}}), "createRuntime hook 1 (bin/true): not an absolute path");
  EXPECT_EQ(run({{.path = "/bin/true", .timeout = 0}}),
            "createRuntime hook 1 (/bin/true): timeout 0 is not above 0");
}

TEST_F(Hooks, TheTimeoutKillsTheWholeGroup) {
  oci::Hook slow = script("sleep 100 & echo $! > out; echo waiting >&2; wait");
  slow.timeout = 1;
  const double start = seconds();
  EXPECT_EQ(run({slow}),
            "createRuntime hook 1 (/bin/sh): killed after its timeout of 1 s: waiting");
  EXPECT_LT(seconds() - start, 5);
  const auto child = parse_number<pid_t>(trim(result()));
  ASSERT_TRUE(child) << result();
  // Its zombie is somebody else's to reap; alive it must not be.
  std::string state = "gone";
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto stat = read_file(fmt::format("/proc/{}/stat", *child));
    state = stat ? stat->substr(stat->rfind(')') + 2, 1) : "gone";
    if (state == "gone" || state == "Z") break;
    ::usleep(10000);
  }
  EXPECT_TRUE(state == "gone" || state == "Z") << state;
}

TEST_F(Hooks, ADaemonThatHoldsTheOutputOpenDoesNotHangThem) {
  const double start = seconds();
  EXPECT_EQ(run({script("setsid sleep 20 & echo $! > out")}), "");
  EXPECT_LT(seconds() - start, 10);
  const auto daemon = parse_number<pid_t>(trim(result()));
  ASSERT_TRUE(daemon) << result();
  EXPECT_EQ(::kill(*daemon, SIGKILL), 0) << "it outlives its hook";
}

TEST_F(Hooks, WorkWhereSigchldIsIgnored) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(run({script("exit 4")}), "createRuntime hook 1 (/bin/sh): exit status 4");
  EXPECT_EQ(::signal(SIGCHLD, before), SIG_IGN) << "and leave it so";
}

TEST_F(Hooks, HaveASessionOfTheirOwn) {
  EXPECT_EQ(run({script("cut -d' ' -f1,5,6 /proc/$$/stat > out")}), "");
  const std::string text = result();
  const auto ids = split(trim(text), ' ');
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[0], ids[2]);
}

TEST_F(Hooks, AllRunAndAllErrorsAreReturnedWhereFailuresAreNotFatal) {
  const auto errors = run_hooks_all(
      "poststop", {script("exit 1"), script("> out"), {.path = "/nonexistent"}}, "{}", cwd_);
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0], "poststop hook 1 (/bin/sh): exit status 1");
  EXPECT_EQ(errors[1], "poststop hook 3 (/nonexistent): execute: no such file or directory");
  EXPECT_EQ(result(), "");
}

}  // namespace
}  // namespace holdfast
