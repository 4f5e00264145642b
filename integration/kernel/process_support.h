// What the kernel tests of one process share: a forked child for effects that cannot be undone.
//
//   EXPECT_EQ(in_child([]() -> Result<> {
//     HF_DO(set_rlimits({{"RLIMIT_NOFILE", 64, 64}}));
//     return check(limit(RLIMIT_NOFILE) == 64, "not set");
//   }), "");
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "core/base/fd.h"

namespace holdfast::testing_support {

inline Result<> check(bool truth, std::string_view what) {
  if (truth) return {};
  return error("{}", what);
}

// A value of the child's that should be another one.
template <class T, class U>
Result<> same(const T& got, const U& wanted, std::string_view what) {
  if (got == wanted) return {};
  return error("{}: {} instead of {}", what, got, wanted);
}

// The text of the error that `body` returns in a child of its own; "" if none; how it died
// otherwise.
inline std::string in_child(const std::function<Result<>()>& body) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "pipe";
  const pid_t pid = ::fork();
  if (pid < 0) return "fork";
  if (pid == 0) {
    const auto done = body();
    if (!done) (void)write_all(Fd(ends[1]), done.error().message);
    ::_exit(done ? 0 : 1);
  }
  Fd mine(ends[0]);
  ::close(ends[1]);
  auto text = read_all(mine, 1 << 20);
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return "waitpid";
  if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
  if (!text) return text.error().message;
  if (WEXITSTATUS(status) != 0 && text->empty()) return "failed without a word";
  return *text;
}

// One line of /proc/self/status, without its name.
inline std::string status_field(std::string_view name) {
  const auto text = read_file("/proc/self/status");
  if (!text) return text.error().message;
  for (const auto line : split(*text, '\n'))
    if (line.starts_with(name) && line.substr(name.size()).starts_with(':'))
      return std::string(trim(line.substr(name.size() + 1)));
  return "absent";
}

}  // namespace holdfast::testing_support
