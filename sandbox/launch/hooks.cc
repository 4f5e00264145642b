#include "sandbox/launch/hooks.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/launch/hook_program.h"

namespace holdfast {
namespace {

constexpr size_t kStack = 64 << 10;
constexpr size_t kTail = 4096;               // of the output, for the error text
constexpr size_t kDrain = 1 << 20;           // read after the hook's end at most
constexpr int64_t kMillisecond = 1'000'000;  // in nanoseconds

enum class Step { kNone, kSession, kCwd, kDescriptors, kExecute };

// What the child needs, and where it reports; it shares our memory until it executes.
struct Child {
  const char* path = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  int program = -1;  // to execute instead of the path
  int cwd = -1, input = -1, output = -1;
  Step failed = Step::kNone;
  int code = 0;
};

int fail(Child& child, Step step) {
  child.code = errno;
  child.failed = step;
  ::_exit(127);
}

// Handlers become defaults by execve, ignored signals would stay ignored.
void default_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) (void)::sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Runs on its own stack in our memory: system calls only.
int child_main(void* argument) {
  Child& child = *static_cast<Child*>(argument);
  default_signals();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::setsid() < 0) fail(child, Step::kSession);
  if (::fchdir(child.cwd) != 0) fail(child, Step::kCwd);
  if (::dup2(child.input, 0) < 0 || ::dup2(child.output, 1) < 0 || ::dup2(child.output, 2) < 0)
    fail(child, Step::kDescriptors);
  if (child.program >= 0) {
    // 3 is free now: what was there is 0, 1 or 2 by now, or not the hook's business.
    if ((child.program != 3 && ::dup2(child.program, 3) < 0) ||
        ::fcntl(3, F_SETFD, FD_CLOEXEC) != 0 || ::close_range(4, ~0U, 0) != 0)
      fail(child, Step::kDescriptors);
    ::syscall(SYS_execveat, 3, "", child.arguments, child.environment, AT_EMPTY_PATH);
    return fail(child, Step::kExecute);
  }
  if (::close_range(3, ~0U, 0) != 0) fail(child, Step::kDescriptors);
  ::execve(child.path, child.arguments, child.environment);
  return fail(child, Step::kExecute);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> each;
  each.reserve(texts.size() + 1);
  for (const auto& text : texts) each.push_back(const_cast<char*>(text.c_str()));
  each.push_back(nullptr);
  return each;
}

// No handler of ours may run in the child that shares our memory.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    (void)::sigprocmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { (void)::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// An inherited SIG_IGN would reap the hook before its status is read.
class OwnChildren {
 public:
  OwnChildren() {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    (void)::sigaction(SIGCHLD, &standard, &before_);
  }
  OwnChildren(const OwnChildren&) = delete;
  OwnChildren& operator=(const OwnChildren&) = delete;
  ~OwnChildren() { (void)::sigaction(SIGCHLD, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

// A descriptor above 2, so that making the child's 0, 1 and 2 cannot overwrite it.
Result<Fd> above_standard(Fd fd) {
  if (fd.get() > 2) return fd;
  return fd.dup();
}

Result<Fd> input_of(const std::string& state) {
  Fd file(::memfd_create("state", MFD_CLOEXEC));
  if (!file) return os_error("memfd_create");
  HF_DO(write_all(file, state));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return os_error("lseek");
  return above_standard(std::move(file));
}

struct Running {
  pid_t pid = 0;
  Fd pidfd;
  Fd output;  // non-blocking
};

std::string_view name_of(Step step) {
  switch (step) {
    case Step::kNone:
      return "";
    case Step::kSession:
      return "start a session";
    case Step::kCwd:
      return "enter its directory";
    case Step::kDescriptors:
      return "close descriptors";
    case Step::kExecute:
      return "execute";
  }
  return "";
}

Result<Running> start(const oci::Hook& hook, const std::string& state, const DirFd& cwd) {
  HF_TRY(const Fd input, with_context(input_of(state), "state document"));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return os_error("pipe");
  Running running;
  running.output = Fd(ends[0]);
  HF_TRY(const Fd output, above_standard(Fd(ends[1])));
  if (::fcntl(running.output.get(), F_SETFL, O_NONBLOCK) != 0) return os_error("pipe");
  const oci::Strings own_name{hook.path};
  const auto arguments = pointers(hook.args.empty() ? own_name : hook.args);
  const auto environment = pointers(hook.env);
  Child child;
  child.path = hook.path.c_str();
  HookProgram program;
  if (is_guarded(hook)) {
    HF_TRY(program, open_hook_program(hook));
    child.path = program.path.c_str();
    HF_TRY(program.fd, above_standard(std::move(program.fd)));
    if (!program.script) child.program = program.fd.get();
  }
  child.arguments = arguments.data();
  child.environment = environment.data();
  child.cwd = cwd.get();
  child.input = input.get();
  child.output = output.get();
  void* stack = ::mmap(nullptr, kStack, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return os_error("stack");
  int pidfd = -1;
  int code = 0;
  {
    const SignalsBlocked blocked;
    running.pid = ::clone(child_main, static_cast<char*>(stack) + kStack,
                          CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &child, &pidfd);
    code = errno;
  }
  (void)::munmap(stack, kStack);
  if (running.pid < 0) return os_error_of(code, "clone");
  running.pidfd = Fd(pidfd);
  if (child.failed == Step::kNone) return running;
  siginfo_t ended{};
  (void)::waitid(P_PIDFD, static_cast<id_t>(pidfd), &ended, WEXITED);
  return os_error_of(child.code, "{}", name_of(child.failed));
}

// Takes what is there; false at the end of the output.
bool take_output(const Fd& output, std::string& tail) {
  char block[4096];
  for (size_t total = 0; total < kDrain;) {
    const ssize_t got = ::read(output.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    total += static_cast<size_t>(got);
    tail.append(block, static_cast<size_t>(got));
    if (tail.size() > kTail) tail.erase(0, tail.size() - kTail);
  }
  return true;
}

int64_t now() {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 * kMillisecond + time.tv_nsec;
}

enum class Ended { kItself, kTimeout };

// Until the hook itself ends: a daemon that it leaves behind may hold the output open for ever.
Result<Ended> wait_for(const Running& running, std::optional<int32_t> timeout, std::string& tail) {
  const int64_t deadline = timeout ? now() + int64_t{*timeout} * 1000 * kMillisecond : 0;
  pollfd watched[2] = {{running.pidfd.get(), POLLIN, 0}, {running.output.get(), POLLIN, 0}};
  while (true) {
    timespec left{};
    if (timeout) {
      const int64_t rest = deadline - now();
      if (rest <= 0) return Ended::kTimeout;
      left.tv_sec = rest / (1000 * kMillisecond);
      left.tv_nsec = rest % (1000 * kMillisecond);
    }
    const int ready = ::ppoll(watched, 2, timeout ? &left : nullptr, nullptr);
    if (ready < 0 && errno != EINTR) return os_error("poll");
    if (ready <= 0) continue;
    if (watched[1].revents != 0 && !take_output(running.output, tail)) watched[1].fd = -1;
    if (watched[0].revents != 0) return Ended::kItself;
  }
}

// " : <last line that says something>", printable.
std::string last_line(std::string_view tail) {
  tail = trim(tail);
  const size_t line = tail.rfind('\n');
  if (line != std::string_view::npos) tail.remove_prefix(line + 1);
  if (tail.empty()) return {};
  std::string text(": ");
  text.append(tail);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

Result<> judge(const siginfo_t& ended, const std::string& tail) {
  if (ended.si_code == CLD_EXITED && ended.si_status == 0) return {};
  if (ended.si_code == CLD_EXITED)
    return error("exit status {}{}", ended.si_status, last_line(tail));
  return error("killed by signal {}{}", ended.si_status, last_line(tail));
}

Result<> run_hook(const oci::Hook& hook, const std::string& state, const DirFd& cwd) {
  if (!hook.path.starts_with('/')) return error("not an absolute path");
  if (hook.timeout && *hook.timeout <= 0) return error("timeout {} is not above 0", *hook.timeout);
  const OwnChildren own_children;
  HF_TRY(const Running running, start(hook, state, cwd));
  std::string tail;
  auto ended = wait_for(running, hook.timeout, tail);
  // It is not reaped yet: its pid, which is its group's, is still its own.
  if (!ended || *ended == Ended::kTimeout) {
    (void)::kill(-running.pid, SIGKILL);
    (void)::kill(running.pid, SIGKILL);
  }
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(running.pidfd.get()), &info, WEXITED) != 0)
    if (errno != EINTR) return os_error("wait");
  (void)take_output(running.output, tail);
  if (!ended) return Failure(std::move(ended).error());
  if (*ended == Ended::kTimeout)
    return error("killed after its timeout of {} s{}", *hook.timeout, last_line(tail));
  return judge(info, tail);
}

Result<> run_one(std::string_view point, const std::vector<oci::Hook>& hooks, size_t index,
                 const std::string& state, const DirFd& cwd) {
  return with_context(run_hook(hooks[index], state, cwd), "{} hook {} ({})", point, index + 1,
                      hooks[index].path);
}

}  // namespace

Result<> run_hooks(std::string_view point, const std::vector<oci::Hook>& hooks,
                   const std::string& state, const DirFd& cwd) {
  for (size_t index = 0; index < hooks.size(); ++index)
    HF_DO(run_one(point, hooks, index, state, cwd));
  return {};
}

std::vector<std::string> run_hooks_all(std::string_view point, const std::vector<oci::Hook>& hooks,
                                       const std::string& state, const DirFd& cwd) {
  std::vector<std::string> errors;
  for (size_t index = 0; index < hooks.size(); ++index)
    if (auto done = run_one(point, hooks, index, state, cwd); !done)
      errors.push_back(std::move(done).error().message);
  return errors;
}

}  // namespace holdfast
