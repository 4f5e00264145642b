// What an attacker does inside a container, each action with an effect that can be looked for.
//
//   const Action kMine[] = {{"mount-tmpfs", "undo masks", [] { return ...; }}};
//
// An action answers what came of it, never harms the host when it succeeds (it writes back what was
// there, opens without writing, or hands over an argument that cannot work), and runs in a child of its
// own. integration/escape/test_actions.py says which outcome each must have.
#ifndef HOLDFAST_INTEGRATION_ESCAPE_ACTIONS_ACTIONS_H_
#define HOLDFAST_INTEGRATION_ESCAPE_ACTIONS_ACTIONS_H_

#include <errno.h>
#include <sys/types.h>

#include <span>

namespace holdfast::escape {

enum class Verdict : int {
  kDone,      // the effect was seen
  kDenied,    // refused; errno says how
  kReached,   // let through: refused only for its argument, which was made not to work
  kNoEffect,  // the call succeeded and nothing came of it
  kAbsent,    // not on this machine or kernel
};

struct Outcome {
  Verdict verdict;
  int error;  // an errno, or 0
};

constexpr Outcome done() { return {Verdict::kDone, 0}; }
constexpr Outcome no_effect() { return {Verdict::kNoEffect, 0}; }
constexpr Outcome absent() { return {Verdict::kAbsent, 0}; }
inline Outcome denied() { return {Verdict::kDenied, errno}; }

// Of a call that returned `result`: done unless negative.
inline Outcome by_result(long result) { return result >= 0 ? done() : denied(); }
// The same with an effect that is looked for afterwards.
template <typename Seen>
Outcome by_effect(long result, Seen seen) {
  if (result < 0) return denied();
  return seen() ? done() : no_effect();
}
// The same of a call whose argument cannot work: `beyond` is what it answers once it is let through.
inline Outcome by_gate(long result, int beyond) {
  return result < 0 && errno == beyond ? Outcome{Verdict::kReached, beyond} : by_result(result);
}

struct Action {
  const char* name;
  const char* gives;  // what the attacker is after
  Outcome (*attempt)();
};

std::span<const Action> mount_actions();
std::span<const Action> path_actions();
std::span<const Action> namespace_actions();
std::span<const Action> kernel_actions();
std::span<const Action> host_actions();
std::span<const Action> socket_actions();
std::span<const Action> file_actions();
std::span<const Action> device_actions();
std::span<const Action> process_actions();
std::span<const Action> privilege_actions();
std::span<const Action> execution_actions();
std::span<const Action> compat_actions();

// --- helpers (support.cc) ---

// Whether the first line of a file is `text`.
bool file_begins(const char* path, const char* text);
// Runs `act` in a child and gives its exit status, or -1 with errno.
int status_of(int (*act)());
// Executes this program as `path` with one argument, in a child; its exit status, or -1 with errno.
int status_of_program(const char* path, const char* argument);
// Executes an open file the same way.
int status_of_descriptor(int fd, const char* argument);
// Copies this program to `path`, executable; or into an open file.
bool copy_self(const char* path);
bool copy_self(int fd);
// What /proc/self/ns/TYPE of the calling process is.
ino_t namespace_inode(const char* type);
// What the program does for status_of_program.
constexpr int kProof = 42;
constexpr char kProve[] = "prove";                 // exits with kProof
constexpr char kProveRoot[] = "prove-root";        // the same when its effective user is root
constexpr char kProveCapable[] = "prove-capable";  // the same when it has NET_BIND_SERVICE

}  // namespace holdfast::escape

#endif  // HOLDFAST_INTEGRATION_ESCAPE_ACTIONS_ACTIONS_H_
