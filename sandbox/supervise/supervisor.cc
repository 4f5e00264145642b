#include "sandbox/supervise/supervisor.h"

#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "sandbox/supervise/decider.h"
#include "sandbox/supervise/keeper.h"
#include "sandbox/supervise/loss.h"
#include "sandbox/supervise/respond.h"

namespace holdfast {
namespace {

// What is larger is told without its digest.
constexpr off_t kMostHashed = 64 << 20;
constexpr size_t kStack = 128 * 1024;

std::string digest_of(const Fd& file) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > kMostHashed)
    return {};
  return sha256_file(file).value_or("");
}

class Supervisor {
 public:
  explicit Supervisor(Watch& watch) : watch_(watch) {}

  Result<> start() {
    watch_.recorder.reopen();
    HF_DO(incidents_.open());
    if (!watch_.plan.exec) return {};
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, kStack);
    const int code = ::pthread_create(
        &decider_, &attributes,
        [](void* of) -> void* {
          auto* self = static_cast<Supervisor*>(of);
          Decider(self->watch_, self->incidents_).run();
          // Without it nobody would be answered: then the keeper has to.
          ::_exit(1);
        },
        this);
    ::pthread_attr_destroy(&attributes);
    if (code != 0) return os_error_of(code, "start the thread that decides");
    return {};
  }

  int run(const Fd& keeper) {
    while (true) {
      pollfd waiting[] = {{watch_.grip.pidfd().get(), POLLIN, 0},
                          {incidents_.wakeup().get(), POLLIN, 0},
                          {watch_.release_timer.get(), POLLIN, 0},
                          {watch_.clock.get(), POLLIN, 0},
                          {keeper_ ? keeper_.get()
                           : lost_ ? -1
                                   : keeper.get(),
                           POLLIN, 0},
                          {lost_ && !keeper_ ? watch_.control.get() : -1, POLLIN, 0},
                          {watch_.network ? watch_.network->fd() : -1, POLLIN, 0}};
      if (::poll(waiting, 7, watch_.recorder.timeout()) < 0) continue;
      watch_.recorder.settle();
      if (waiting[6].revents != 0) conclude(network_incidents(watch_));
      if (waiting[1].revents != 0) take_incidents();
      if (waiting[0].revents != 0) return finish();
      if (waiting[2].revents != 0) release_in_time();
      if (waiting[3].revents != 0) follow_clock();
      if (waiting[4].revents != 0) lose_keeper();
      if (waiting[5].revents != 0)
        take_request(
            watch_,
            [](void* of, const std::string& request) {
              return static_cast<Supervisor*>(of)->handle(request);
            },
            this);
    }
  }

 private:
  int finish() {
    if (watch_.network) conclude(network_incidents(watch_));
    take_incidents();
    watch_.recorder.finish();
    return 0;
  }

  void take_incidents() {
    uint64_t lost = 0;
    conclude(incidents_.take(lost));
    if (lost == 0) return;
    Event event = watch_.event(EventKind::kSupervisor, "events-dropped", Severity::kMedium);
    event.message = fmt::format("{} events came faster than they could be recorded", lost);
    event.count = lost;
    watch_.recorder.record(event);
  }

  void conclude(std::vector<Incident> incidents) {
    for (Incident& each : incidents) {
      // First what has to take effect, then what is to be told.
      Event& event = each.event;
      const bool held = is_of_container(event.response) && is_held(event.response);
      std::vector<Event> told;
      if (is_of_container(event.response) && !held && !watch_.grip.ended())
        told.push_back(respond(watch_, event.response, event, each.release_after));
      else if (event.response == Response::kKillProcess && each.process)
        told.push_back(confirm_killed(watch_, each.process, event));
      if (event.file && event.file->sha256.empty()) event.file->sha256 = digest_of(each.file);
      told.insert(told.begin(), std::move(event));
      watch_.recorder.record(told);
    }
  }

  bool is_held(Response response) const {
    if (response == Response::kIsolate) return watch_.network && watch_.network->is_isolated();
    return response == Response::kFreeze && watch_.shared->frozen.load() != Frozen::kNot &&
           watch_.grip.frozen().value_or(false);
  }

  void release_in_time() {
    uint64_t count = 0;
    if (::read(watch_.release_timer.get(), &count, sizeof count) != sizeof count) return;
    const bool isolated = watch_.network && watch_.network->is_isolated();
    if (watch_.shared->frozen.load() != Frozen::kByResponse && !isolated) return;
    watch_.recorder.record(release(watch_, "its time"));
  }

  // Set back, the clock would stamp new files with times before the start.
  void follow_clock() {
    uint64_t count = 0;
    (void)!::read(watch_.clock.get(), &count, sizeof count);
    const int64_t now = file_clock();
    if (now < watch_.shared->started.load()) watch_.shared->started.store(now);
  }

  void lose_keeper() {
    reap(keeper_);
    keeper_ = {};
    lost_ = true;
    respond_to_loss(watch_, "keeper");
  }

  Result<std::string> handle(const std::string& request) {
    if (request != "adopt") return error("its keeper is gone: adopt it first");
    HF_TRY(Fd self, own_pidfd());
    HF_TRY(Child keeper, fork_into([&] {
             watch_.recorder.reopen();
             return keep(watch_, {::getppid(), std::move(self)});
           }));
    keeper_ = std::move(keeper.pidfd);
    record_adoption(watch_);
    return fmt::format("{} {}", keeper.pid, ::getpid());
  }

  Watch& watch_;
  Incidents incidents_;
  pthread_t decider_{};
  Fd keeper_;          // one of our own making
  bool lost_ = false;  // the keeper that made us
};

}  // namespace

int supervise(Watch& watch, const Fd& keeper, Fd ready) {
  static Supervisor supervisor(watch);
  if (!supervisor.start()) return 1;
  if (::write(ready.get(), "+", 1) != 1) return 1;
  ready = {};
  return supervisor.run(keeper);
}

}  // namespace holdfast
