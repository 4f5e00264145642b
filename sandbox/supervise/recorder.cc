#include "sandbox/supervise/recorder.h"

#include <time.h>

#include <algorithm>

namespace holdfast {

uint64_t event_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Result<Recorder> Recorder::open(const AuditSettings& settings) {
  Recorder recorder;
  recorder.throttle_ = Throttle(settings.throttle);
  auto log = AuditLog::open(settings);
  if (log)
    recorder.log_.emplace(std::move(*log));
  else if (settings.require)
    return Failure(std::move(log).error());
  return recorder;
}

void Recorder::write(const std::vector<Event>& events) {
  if (log_ && !events.empty()) (void)log_->append(events);
}

void Recorder::record(std::span<const Event> events) {
  std::vector<Event> out;
  const uint64_t now = event_clock();
  for (const Event& each : events) throttle_.add(each, now, out);
  write(out);
}

int Recorder::timeout() const {
  const auto next = throttle_.next();
  if (!next) return -1;
  const uint64_t now = event_clock();
  const uint64_t left = *next > now ? (*next - now) / 1'000'000 + 1 : 0;
  return static_cast<int>(std::min<uint64_t>(left, 60'000));
}

void Recorder::settle() {
  std::vector<Event> out;
  throttle_.collect(event_clock(), out);
  write(out);
}

void Recorder::finish() {
  std::vector<Event> out;
  throttle_.finish(out);
  write(out);
  if (log_) log_->flush();
}

void Recorder::reopen() {
  if (log_) (void)log_->reopen();
}

}  // namespace holdfast
