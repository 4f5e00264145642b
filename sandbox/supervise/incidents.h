// Incidents: what the thread that decides tells the thread that records and responds. Bounded: what finds it
// full is counted; a response to the whole container is never dropped.
//
//   incidents.push({.event = ..., .file = ...});      // deciding: returns at once
//   for (Incident& each : incidents.take(lost)) ...   // recording, when wakeup() is readable
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "core/base/fd.h"
#include "core/event/event.h"

namespace holdfast {

struct Incident {
  Event event;
  uint32_t release_after = 0;  // of a freeze
  Fd file;                     // to be hashed
  Fd process;                  // that was killed
};

class Incidents {
 public:
  static constexpr size_t kMost = 256;

  Result<> open();
  const Fd& wakeup() const { return wakeup_; }

  void push(Incident incident);
  // All that wait, and how many were dropped since the last call.
  std::vector<Incident> take(uint64_t& lost);

 private:
  Fd wakeup_;
  std::mutex mutex_;
  std::vector<Incident> waiting_;
  uint64_t lost_ = 0;
};

// Whether something is done about the container as a whole.
constexpr bool is_of_container(Response response) {
  return response == Response::kFreeze || response == Response::kIsolate ||
         response == Response::kKillContainer;
}

}  // namespace holdfast
