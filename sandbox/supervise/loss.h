// What becomes of a container whose supervisor, or keeper, is gone; and the requests that end it.
#pragma once

#include <string>

#include "sandbox/supervise/watch.h"

namespace holdfast {

// Does the plan's on_loss: denies what waits for an answer, freezes or kills. `lost`: "supervisor".
void respond_to_loss(Watch& watch, std::string_view lost);
// Denies (or, where nothing is enforced, allows) whatever asks while nobody decides.
void answer_unattended(const Watch& watch);

// A process of ours, or the one that made us.
struct Child {
  pid_t pid = 0;
  Fd pidfd;
};
// A new process that runs `run` and ends with what it returns.
template <class Run>
Result<Child> fork_into(Run run) {
  return fork_process([](void* of) { return (*static_cast<Run*>(of))(); }, &run);
}
Result<Child> fork_process(int (*run)(void*), void* argument);
// If it is a child that has ended.
void reap(const Fd& process);

// Tells of a new supervisor or keeper, and ends the freeze of the loss.
void record_adoption(Watch& watch);

// A pidfd of the calling process.
Result<Fd> own_pidfd();

// The next request on the watch's control socket, answered by `handle`: "adopt", "release". Only root's.
void take_request(const Watch& watch, Result<std::string> (*handle)(void*, const std::string&),
                  void* argument);

}  // namespace holdfast
