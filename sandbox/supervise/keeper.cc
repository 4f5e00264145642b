#include "sandbox/supervise/keeper.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sandbox/kernel/proc_file.h"
#include "sandbox/supervise/boot.h"
#include "sandbox/supervise/confine.h"
#include "sandbox/supervise/loss.h"
#include "sandbox/supervise/marks.h"
#include "sandbox/supervise/packet.h"
#include "sandbox/supervise/respond.h"
#include "sandbox/supervise/supervisor.h"

namespace holdfast {
namespace {

constexpr int kEndMilliseconds = 2000;

struct Made {
  Watch watch;
  HostDevices host;
};

Result<Fd> make_timer(clockid_t clock) {
  Fd timer(::timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer) return os_error("make a timer");
  return timer;
}

// Readable when somebody sets the clock, and never else.
Result<Fd> make_clock() {
  HF_TRY(Fd clock, make_timer(CLOCK_REALTIME));
  itimerspec never{};
  never.it_value.tv_sec = INT32_MAX;
  if (::timerfd_settime(clock.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
                        nullptr) != 0)
    return os_error("watch the clock");
  return clock;
}

Result<Shared*> make_shared() {
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return os_error("map shared memory");
  return new (memory) Shared;
}

// The container's memory is to run out first. Not everybody may ask for it.
void spare_us(const DirFd& procfs) {
  (void)procfs.write(fmt::format("{}/oom_score_adj", ::getpid()), "-999");
}

// All that does not need the container's first process.
Result<> prepare(Packet packet, Made& made) {
  if (packet.fds.size() != 2)
    return error("{} descriptors with the boot record", packet.fds.size());
  HF_TRY(SupervisorBoot boot, read_supervisor_boot(packet.fds[0]));
  Watch& watch = made.watch;
  watch.control = std::move(packet.fds[1]);
  watch.id = std::move(boot.id);
  watch.profile = std::move(boot.profile);
  watch.plan_digest = std::move(boot.plan_digest);
  watch.plan = std::move(boot.plan);
  HF_TRY(watch.procfs, host_procfs());
  spare_us(watch.procfs);
  HF_TRY(watch.grip, Grip::open(boot.cgroups));
  HF_TRY(watch.recorder, Recorder::open(boot.audit));
  HF_TRY(watch.network, open_network(watch.plan, boot.cgroups));
  HF_TRY(watch.shared, make_shared());
  HF_TRY(watch.release_timer, make_timer(CLOCK_MONOTONIC));
  HF_TRY(watch.clock, make_clock());
  if (watch.plan.exec) {
    HF_TRY(watch.events, ExecEvents::open());
    HF_TRY(made.host, host_devices(watch.procfs));
  }
  return {};
}

// The container's mounts stand; none of its programs has run.
Result<> begin(Packet packet, Made& made) {
  Watch& watch = made.watch;
  if (packet.fds.size() != 1) return error("no pidfd of the container");
  const auto pid = parse_number<pid_t>(packet.text.substr(packet.text.find(' ') + 1));
  if (!pid) return error("no pid of the container");
  watch.init = *pid;
  watch.grip.hold(std::move(packet.fds[0]));
  if (watch.plan.exec) {
    HF_TRY(Marks marks, with_context(place_marks(watch.events.fd(), watch.procfs, watch.init,
                                                 made.host, watch.plan.exec->libraries),
                                     "watch programs"));
    watch.image_mounts = std::move(marks.image);
  }
  watch.shared->started.store(file_clock());
  made.host = {};
  return {};
}

// What requests are about.
struct Keeping {
  Watch& watch;
  Child supervisor;  // without a pidfd: it is gone

  // "KEEPER SUPERVISOR", their pids.
  Result<std::string> adopt() {
    if (supervisor.pidfd) return error("it is supervised");
    HF_TRY(supervisor, start_supervisor(watch));
    record_adoption(watch);
    return fmt::format("{} {}", ::getpid(), supervisor.pid);
  }

  Result<std::string> release_container() {
    if (!supervisor.pidfd) return error("it is not supervised: adopt it first");
    const bool isolated = watch.network && watch.network->is_isolated();
    if (watch.shared->frozen.load() == Frozen::kNot && !isolated)
      return error("it is not held by a response");
    const Event done = release(watch, "holdfastctl");
    watch.recorder.record(done);
    if (done.disposition == Disposition::kFailed) return error("{}", done.message);
    return std::string("released");
  }

  Result<std::string> handle(const std::string& request) {
    if (request == "adopt") return adopt();
    if (request == "release") return release_container();
    return error("unknown request {}", request);
  }
};

// The supervisor ends by itself once it has recorded what there was.
int end(Watch& watch, const Fd& supervisor) {
  watch.recorder.finish();
  if (!supervisor) return 0;
  pollfd ended{supervisor.get(), POLLIN, 0};
  if (::poll(&ended, 1, kEndMilliseconds) <= 0)
    ::syscall(SYS_pidfd_send_signal, supervisor.get(), SIGKILL, nullptr, 0);
  reap(supervisor);
  return 0;
}

Result<> become_keeper(const Fd& channel, Made& made, Child& supervisor) {
  HF_TRY(Packet boot, receive_packet(channel));
  HF_DO(prepare(std::move(boot), made));
  HF_TRY(Packet container, receive_packet(channel));
  HF_DO(begin(std::move(container), made));
  HF_DO(confine(made.watch.procfs));
  HF_TRY(supervisor, start_supervisor(made.watch));
  return {};
}

}  // namespace

Result<Child> start_supervisor(Watch& watch) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return os_error("make a pipe");
  const Fd told(ends[0]);
  Fd ready(ends[1]);
  HF_TRY(const Fd keeper, own_pidfd());
  HF_TRY(Child supervisor, fork_into([&] { return supervise(watch, keeper, std::move(ready)); }));
  ready = {};
  char byte = 0;
  ssize_t got;
  do got = ::read(told.get(), &byte, 1);
  while (got < 0 && errno == EINTR);
  if (got == 1) return supervisor;
  reap(supervisor.pidfd);
  return error("the supervisor did not start");
}

int keep(Watch& watch, Child supervisor) {
  Keeping keeping{watch, std::move(supervisor)};
  while (true) {
    const bool lost = !keeping.supervisor.pidfd;
    pollfd waiting[] = {{watch.grip.pidfd().get(), POLLIN, 0},
                        {watch.control.get(), POLLIN, 0},
                        {lost ? -1 : keeping.supervisor.pidfd.get(), POLLIN, 0},
                        {lost && watch.events ? watch.events.fd().get() : -1, POLLIN, 0}};
    if (::poll(waiting, 4, watch.recorder.timeout()) < 0) continue;
    watch.recorder.settle();
    if (waiting[0].revents != 0) return end(watch, keeping.supervisor.pidfd);
    if (waiting[2].revents != 0) {
      reap(keeping.supervisor.pidfd);
      keeping.supervisor = {};
      respond_to_loss(watch, "supervisor");
      continue;
    }
    if (waiting[3].revents != 0) answer_unattended(watch);
    if (waiting[1].revents != 0)
      take_request(
          watch,
          [](void* of, const std::string& request) {
            return static_cast<Keeping*>(of)->handle(request);
          },
          &keeping);
  }
}

int keeper_main(Fd channel) {
  static Made made;
  Child supervisor;
  if (auto done = become_keeper(channel, made, supervisor); !done) {
    (void)send_packet(channel, "failed " + done.error().message);
    return 1;
  }
  // If the runtime is gone its container ends with it: until then we keep.
  (void)send_packet(channel, fmt::format("ready {}", supervisor.pid));
  channel = {};
  return keep(made.watch, std::move(supervisor));
}

}  // namespace holdfast
