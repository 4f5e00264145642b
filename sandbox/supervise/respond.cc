#include "sandbox/supervise/respond.h"

#include <poll.h>
#include <sys/timerfd.h>

namespace holdfast {
namespace {

constexpr int kKillMilliseconds = 1000;

void set_timer(const Watch& watch, uint32_t seconds) {
  itimerspec at{};
  at.it_value.tv_sec = seconds;
  ::timerfd_settime(watch.release_timer.get(), 0, &at, nullptr);
}

Event outcome(const Watch& watch, std::string_view rule, Response response, const Result<>& done,
              std::string message) {
  Event event =
      watch.event(EventKind::kResponse, rule, done ? Severity::kMedium : Severity::kCritical);
  event.response = response;
  event.disposition = done ? Disposition::kBlocked : Disposition::kFailed;
  event.message = done ? std::move(message) : fmt::format("{}: {}", message, done.error().message);
  return event;
}

Result<> freeze(const Watch& watch, uint32_t release_after, void (*meanwhile)(const Watch&)) {
  HF_DO(watch.grip.freeze([&] { meanwhile(watch); }));
  Frozen expected = Frozen::kNot;
  watch.shared->frozen.compare_exchange_strong(expected, Frozen::kByResponse);
  set_timer(watch, release_after);
  return {};
}

}  // namespace

Event respond(const Watch& watch, Response response, const Event& cause, uint32_t release_after) {
  return respond(watch, response, cause, release_after, [](const Watch&) {});
}

Event respond(const Watch& watch, Response response, const Event& cause, uint32_t release_after,
              void (*meanwhile)(const Watch&)) {
  if (response == Response::kIsolate && watch.network) {
    watch.network->isolate(true);
    set_timer(watch, release_after);
    return outcome(watch, "isolate", response,
                   watch.network->is_isolated() ? Result<>{} : error("it is not cut off"),
                   fmt::format("cut off from the network because of {}", cause.rule));
  }
  // What cannot be cut off is stopped.
  if (response == Response::kFreeze || response == Response::kIsolate) {
    const auto done = freeze(watch, release_after, meanwhile);
    if (done || watch.grip.ended())
      return outcome(watch, "freeze", Response::kFreeze, done,
                     fmt::format("frozen because of {}", cause.rule));
    (void)watch.grip.thaw();
  }
  return outcome(watch, "kill-container", Response::kKillContainer, watch.grip.kill(),
                 fmt::format("all processes killed because of {}", cause.rule));
}

Event release(const Watch& watch, std::string_view by, bool reconnect) {
  set_timer(watch, 0);
  if (watch.network && reconnect) watch.network->isolate(false);
  auto done = watch.grip.thaw();
  if (done) {
    auto still = watch.grip.frozen();
    if (!still)
      done = Failure(std::move(still).error());
    else if (*still)
      done = error("it is still frozen");
  }
  if (done) watch.shared->frozen.store(Frozen::kNot);
  Event event =
      outcome(watch, "release", Response::kAlert, done, fmt::format("released by {}", by));
  if (done) event.disposition = Disposition::kAllowed;
  return event;
}

Event confirm_killed(const Watch& watch, const Fd& process, const Event& cause) {
  pollfd end{process.get(), POLLIN, 0};
  const bool ended = ::poll(&end, 1, kKillMilliseconds) > 0;
  const pid_t pid = cause.processes.empty() ? 0 : cause.processes[0].pid;
  Event event = outcome(watch, "kill-process", Response::kKillProcess,
                        ended ? Result<>{} : error("it has not ended"),
                        fmt::format("process {} killed because of {}", pid, cause.rule));
  event.processes = cause.processes;
  event.injected = cause.injected;
  return event;
}

}  // namespace holdfast
