// The runtime's side of a container's supervision.
//
//   HF_TRY(SupervisorProcess s, SupervisorProcess::spawn());    // early: it starts beside stage 1
//   HF_DO(s.prepare(boot, control));                            // the cgroups exist
//   HF_DO(s.watch(pid, pidfd));                                 // the container's mounts stand
//   HF_TRY(auto pids, s.ready());                               // now it may run
//
// Until ready() it ends with its owner; afterwards with the container. docs/adr/0200-supervision.md
#pragma once

#include <sys/types.h>

#include <utility>

#include "core/base/fd.h"
#include "sandbox/supervise/boot.h"

namespace holdfast {

struct SupervisorPids {
  pid_t keeper = 0, supervisor = 0;
};

class SupervisorProcess {
 public:
  SupervisorProcess() = default;
  SupervisorProcess(SupervisorProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), channel_(std::move(other.channel_)) {}
  SupervisorProcess& operator=(SupervisorProcess other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~SupervisorProcess();

  // Out of our cgroups, in a session of its own, without any descriptor of ours.
  static Result<SupervisorProcess> spawn();
  explicit operator bool() const { return pid_ != 0; }

  // `control` listens for holdfastctl.
  Result<> prepare(const SupervisorBoot& boot, const Fd& control);
  Result<> watch(pid_t pid, const Fd& pidfd);
  // Waits until everything is watched, or why it cannot be.
  Result<SupervisorPids> ready();

 private:
  pid_t pid_ = 0;  // until it is on its own
  Fd channel_;
};

inline constexpr char kControlSocket[] = "supervisor.sock";
// A listening socket in a container's state directory.
Result<Fd> listen_for_control(const DirFd& state);
// Asks the keeper: "adopt", "release". Its answer, or its error.
Result<std::string> ask_keeper(const DirFd& state, std::string_view request);

}  // namespace holdfast
