// Throttle: what of a storm of events is written one by one, and what is told as one. Pure: the caller
// says what time it is.
//
//   Throttle throttle(settings.throttle);
//   throttle.add(event, now, out);      // out: what is to be written, nothing where it is only counted
//   throttle.collect(now, out);         // what the windows that have ended counted
//   std::optional<uint64_t> when = throttle.next();   // for a timer; nothing: no need to wake up
//   throttle.finish(out);               // at the end: everything that was counted
//
// Per container and rule a window begins with an event. In it each different event (other program, file,
// address or call) is written once, up to `burst` of them; the same one again is counted, and told at the
// window's end as one event with `count`, `first_time` and the last time. What is beyond the burst is told
// as one event of the rule "events-throttled" that names the rule, the number and the times. So the counts
// of what is written add up to what was added, whatever happens; memory stays bounded (kMostWindows windows
// of `burst` events; a container and rule beyond them share one window).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/event/audit_settings.h"
#include "core/event/event.h"

namespace holdfast {

class Throttle {
 public:
  static constexpr size_t kMostWindows = 64;

  explicit Throttle(AuditThrottle settings) : settings_(settings) {}

  // `now` in nanoseconds since 1970, as in the events.
  void add(Event event, uint64_t now, std::vector<Event>& out);
  void collect(uint64_t now, std::vector<Event>& out);
  void finish(std::vector<Event>& out);
  // When the next window ends that has something to tell.
  std::optional<uint64_t> next() const;

 private:
  struct Count {
    uint64_t count = 0, first = 0, last = 0;
    void add(const Event& event);
  };
  // An event that was written, and the same ones since.
  struct Known {
    std::string subject;
    std::optional<Event> sample;  // kept from the second one on
    Count more;
  };
  struct Window {
    std::string container, rule;
    uint64_t ends = 0;
    Severity severity = Severity::kInformational;  // the gravest of those that are only counted
    std::vector<Known> known;
    Count beyond;
  };

  Window& window_of(const Event& event, uint64_t now, std::vector<Event>& out);
  void tell(Window& window, std::vector<Event>& out) const;

  AuditThrottle settings_;
  std::vector<Window> windows_;
  Window shared_;  // of all for which there was no room
};

}  // namespace holdfast
