#include "sandbox/supervise/watch.h"

#include <time.h>

namespace holdfast {

Event Watch::event(EventKind kind, std::string_view rule, Severity severity) const {
  Event event;
  event.time = event_clock();
  event.first_time = event.time;
  event.container = id;
  event.profile = profile;
  event.plan_digest = plan_digest;
  event.kind = kind;
  event.rule = rule;
  event.severity = severity;
  return event;
}

int64_t file_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace holdfast
