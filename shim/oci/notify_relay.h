// NOTIFY_SOCKET (sd_notify(3)): a container reports READY=1 to a socket of ours; that it did, and
// nothing else of what it says, is passed on to the socket of the service manager that started us.
//
//   HF_TRY(request.notify, wants_notify());                    // create: is NOTIFY_SOCKET set?
//   HF_TRY(FileIdentity made, make_notify_directory(dir));     // bound to /run/notify in the container
//   HF_TRY(NotifyRelay relay, NotifyRelay::open(dir));         // start: before the program runs
//   relay.wait(pidfd, pid);                                    // READY=1, MAINPID=pid; or the end
//
// The container is not trusted: its messages are read whole or dropped, descriptors in them are dropped
// by the kernel, none of its bytes is passed on. After the first READY=1 nobody listens any more.
// Without NOTIFY_SOCKET, or for a container that was created without it, the relay is empty and all of
// this is nothing.
#pragma once

#include <string>
#include <string_view>

#include "core/plan/plan.h"
#include "sandbox/launch/state_store.h"

namespace holdfast {

// Whether the caller's NOTIFY_SOCKET names a socket; an error if it names what we cannot reach.
Result<bool> wants_notify();

// Where the directory of that socket is, absolute; and making it in the container's state directory.
Result<std::string> notify_directory(const std::string& root, const std::string& id);
Result<FileIdentity> make_notify_directory(const StateDir& dir);

// Whether one of the message's lines is READY=1.
bool says_ready(std::string_view message);

class NotifyRelay {
 public:
  static Result<NotifyRelay> open(const StateDir& dir);

  explicit operator bool() const { return static_cast<bool>(inside_); }
  // Readable when the container said something; -1 if there is nobody to listen to.
  int descriptor() const { return inside_.get(); }

  // Reads what is there; true if the container is ready and the service manager has been told so, and
  // that `main` is the process to watch. An error if it could not be told.
  Result<bool> take(pid_t main);

  // Stays until then, or until the process has ended; and until the service manager has read it, since
  // it asks who sent a message when it reads it. What goes wrong is a warning: the program runs.
  void wait(const Fd& process, pid_t main);

 private:
  Result<> tell(pid_t main);
  Result<> wait_for_barrier() const;

  Fd inside_;   // the container's end leads here
  Fd outside_;  // connected to the service manager
};

}  // namespace holdfast
