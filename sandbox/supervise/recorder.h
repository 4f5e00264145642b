// Recorder: from the supervisor's events to the node's audit log, throttled.
//
//   HF_TRY(Recorder recorder, Recorder::open(settings));   // before the process confines itself
//   recorder.record(events);
//   poll(..., recorder.timeout());  recorder.settle();      // what was counted is told when its window ends
//   recorder.finish();
//
// One thread at a time. After a fork one of both calls reopen().
#pragma once

#include <optional>
#include <span>

#include "core/event/audit_settings.h"
#include "sandbox/audit/log.h"
#include "sandbox/audit/throttle.h"

namespace holdfast {

class Recorder {
 public:
  Recorder() : throttle_({}) {}

  // Without a log, where it cannot be opened and the settings do not require it.
  static Result<Recorder> open(const AuditSettings& settings);

  // Never waits for anybody; what cannot be written is counted by the log.
  void record(std::span<const Event> events);
  void record(const Event& event) { record({&event, 1}); }
  // Milliseconds until settle() has something to do; -1: never.
  int timeout() const;
  void settle();
  void finish();
  void reopen();

 private:
  void write(const std::vector<Event>& events);

  std::optional<AuditLog> log_;
  Throttle throttle_;
};

// Nanoseconds since 1970.
uint64_t event_clock();

}  // namespace holdfast
