// Result<T>: a value, or an Error that says what failed, on which object and why.
//
//   Result<Fd> open_config(const DirFd& bundle) {
//     HF_TRY(Fd fd, bundle.open("config.json", O_RDONLY));
//     return fd;
//   }
//   Result<> remove(const DirFd& dir, const char* name) {
//     if (unlinkat(dir.get(), name, 0) != 0) return os_error("remove {}", name);
//     return {};
//   }
//   HF_DO(remove(dir, "pid"));                        // a Result<> whose error is passed on
//   auto r = with_context(open_config(b), "create {}", id);   // "create c1: config.json: ..."
//
// Error text is lower case, without a full stop, outermost context first.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "core/base/text.h"

namespace holdfast {

struct Error {
  std::string message;  // "open config.json: no such file or directory"
  int code = 0;         // errno where the kernel gave one, else 0

  // Puts a phrase in front: "create c1: open config.json: ...".
  Error wrap(std::string_view phrase) &&;
};

template <class T = void>
using Result = tl::expected<T, Error>;
using Failure = tl::unexpected<Error>;

// A failure that the kernel did not name.
template <class... Args>
Failure error(fmt::format_string<Args...> format, Args&&... args) {
  return Failure(Error{fmt::format(format, std::forward<Args>(args)...), 0});
}

// The errno `code` in words, lower case: "operation not permitted".
std::string errno_text(int code);

Failure os_failure(int code, std::string phrase);

// A failure from errno: "<phrase>: <errno in words>".
template <class... Args>
Failure os_error(fmt::format_string<Args...> format, Args&&... args) {
  const int code = errno;
  return os_failure(code, fmt::format(format, std::forward<Args>(args)...));
}

// The same for an explicit code, such as one that a child process reported.
template <class... Args>
Failure os_error_of(int code, fmt::format_string<Args...> format, Args&&... args) {
  return os_failure(code, fmt::format(format, std::forward<Args>(args)...));
}

// Adds a phrase to the error of `result`, if it has one.
template <class T, class... Args>
Result<T> with_context(Result<T> result, fmt::format_string<Args...> format, Args&&... args) {
  if (result) return result;
  return Failure(std::move(result.error()).wrap(fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace holdfast

#define HF_CONCAT_(a, b) a##b
#define HF_CONCAT(a, b) HF_CONCAT_(a, b)
#define HF_TRY_(result, declaration, ...)                             \
  auto result = (__VA_ARGS__);                                        \
  if (!result) return ::holdfast::Failure(std::move(result).error()); \
  declaration = std::move(*result)
// Declares or assigns the value of a Result, or returns its error.
#define HF_TRY(declaration, ...) \
  HF_TRY_(HF_CONCAT(hf_result_, __COUNTER__), declaration, __VA_ARGS__)
// Returns the error of a Result<>, if it has one.
#define HF_DO(...)                                            \
  do {                                                        \
    if (auto hf_done = (__VA_ARGS__); !hf_done)               \
      return ::holdfast::Failure(std::move(hf_done).error()); \
  } while (false)
