#include "bench/measure.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace holdfast::bench {
namespace {

double now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6;
}

double milliseconds(const timeval& time) {
  return double(time.tv_sec) * 1e3 + double(time.tv_usec) / 1e3;
}

double children_cpu_ms() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
}

// A file that collects what the command says on stderr. A file and not a pipe: a container that
// outlives its runtime would keep a pipe open.
Result<Fd> error_file() {
  Fd file(int(syscall(SYS_memfd_create, "stderr", 0)));
  if (!file) return os_error("memfd_create");
  return file;
}

[[noreturn]] void execute(const std::vector<char*>& argv, int error) {
  // Not /dev/null: a runtime may give its standard streams to the container's user, and that node is
  // the host's.
  const int empty = int(syscall(SYS_memfd_create, "stdio", 0));
  dup2(empty, 0);
  dup2(empty, 1);
  dup2(error, 2);
  syscall(SYS_close_range, 3, ~0U, 0);
  execv(argv[0], argv.data());
  _exit(127);
}

// fork, not vfork: the peak memory of a process that shared our address space would be ours.
Result<pid_t> spawn(const Command& command, const Fd& error) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return os_error("fork");
  if (pid == 0) execute(argv, error.get());
  return pid;
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace

Meter::Meter() : wall_start_(now_ms()), cpu_start_(children_cpu_ms()) {}

Result<> Meter::run(const Command& command) {
  HF_TRY(const Fd error_text, error_file());
  HF_TRY(const pid_t pid, spawn(command, error_text));
  int status = 0;
  rusage usage{};
  if (wait4(pid, &status, 0, &usage) != pid) return os_error("wait for {}", command[0]);
  peak_kb_ = std::max(peak_kb_, usage.ru_maxrss);
  if (status == 0) return {};
  lseek(error_text.get(), 0, SEEK_SET);
  HF_TRY(const std::string text, read_all(error_text, 1 << 20));
  return error("{}: {}: {}", join(command, " "), describe(status), trim(text));
}

Result<> Meter::reap(pid_t pid) {
  rusage usage{};
  if (wait4(pid, nullptr, 0, &usage) != pid) return os_error("wait for process {}", pid);
  peak_kb_ = std::max(peak_kb_, usage.ru_maxrss);
  return {};
}

Sample Meter::stop() const {
  return {.wall_ms = now_ms() - wall_start_,
          .cpu_ms = children_cpu_ms() - cpu_start_,
          .peak_kb = peak_kb_};
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

}  // namespace holdfast::bench
