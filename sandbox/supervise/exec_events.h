// ExecEvents: a fanotify group that asks before a program is executed (and, where it is marked for it, before
// a file is opened).
//
//   HF_TRY(ExecEvents events, ExecEvents::open());
//   events.read([&](ExecEvent& event) { events.answer(event, true); });
//   events.answer_all(false);    // what a reader that is gone left without an answer
//
// A waiting process waits until it is answered, or killed. Where the last descriptor of the group closes
// the kernel lets all of them through: somebody has to keep one.
#pragma once

#include <sys/types.h>

#include "core/base/fd.h"

namespace holdfast {

struct ExecEvent {
  Fd file;          // as the process will see it; opened without events of its own
  int number = -1;  // the descriptor's, by which it is answered
  pid_t pid = 0;
  Fd process;           // a pidfd; none if it has ended
  bool opened = false;  // opened, not executed
};

class ExecEvents {
 public:
  ExecEvents() = default;
  // Needs CAP_SYS_ADMIN.
  static Result<ExecEvents> open();

  explicit operator bool() const { return static_cast<bool>(group_); }
  const Fd& fd() const { return group_; }

  // Every event that waits; does not wait for one.
  template <class Handle>
  Result<> read(Handle handle) const {
    return read([](void* of, ExecEvent& event) { (*static_cast<Handle*>(of))(event); }, &handle);
  }
  void answer(const ExecEvent& event, bool allow) const { answer(event.number, allow); }
  // Everything that waits, and what another process has read and not answered. Returns how many.
  int answer_all(bool allow) const;

 private:
  Result<> read(void (*handle)(void*, ExecEvent&), void* argument) const;
  bool answer(int number, bool allow) const;

  Fd group_;
};

}  // namespace holdfast
