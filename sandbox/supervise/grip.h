// Grip: the descriptors by which a container's processes are stopped and ended. All of them are open
// before the holder confines itself; no path is needed afterwards.
//
//   HF_TRY(Grip grip, Grip::open(record));
//   grip.hold(std::move(pidfd));          // of the container's first process
//   HF_DO(grip.freeze());                 // returns when all is still, else an error
//   HF_DO(grip.kill());                   // returns when nothing is left
//   if (grip.ended()) ...
#pragma once

#include "core/base/fd.h"
#include "sandbox/kernel/cgroup.h"

namespace holdfast {

class Grip {
 public:
  static Result<Grip> open(const CgroupRecord& record);

  void hold(Fd pidfd) { pidfd_ = std::move(pidfd); }
  const Fd& pidfd() const { return pidfd_; }
  bool can_freeze() const { return static_cast<bool>(state_); }

  // `meanwhile` is called while processes come to rest: one that waits for an answer of ours does
  // not freeze. What could not be frozen as a whole is thawed again.
  template <class Meanwhile>
  Result<> freeze(Meanwhile meanwhile) const {
    return freeze([](void* of) { (*static_cast<Meanwhile*>(of))(); }, &meanwhile);
  }
  Result<> freeze() const {
    return freeze([] {});
  }
  Result<> thaw() const;
  Result<bool> frozen() const;
  // All processes, frozen ones too.
  Result<> kill() const;
  // Whether the container's first process has ended.
  bool ended() const;

 private:
  Result<> freeze(void (*meanwhile)(void*), void* argument) const;
  Result<std::string> pids() const;
  Result<bool> populated() const;
  void kill_each() const;

  bool v2_freezer_ = false;
  Fd state_;         // freezer.state of version 1, or cgroup.freeze
  Fd events_;        // cgroup.events of version 2
  Fd kill_;          // cgroup.kill
  DirFd directory_;  // of cgroup.procs, which version 1 makes anew at each open only
  Fd pidfd_;
};

}  // namespace holdfast
