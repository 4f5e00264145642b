#include "sandbox/supervise/loss.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/supervise/packet.h"
#include "sandbox/supervise/respond.h"

namespace holdfast {

void answer_unattended(const Watch& watch) {
  if (!watch.events) return;
  const bool allow = watch.plan.on_loss == Response::kAlert;
  (void)watch.events.read([&](ExecEvent& event) { watch.events.answer(event, allow); });
}

void respond_to_loss(Watch& watch, std::string_view lost) {
  Event event =
      watch.event(EventKind::kSupervisor, fmt::format("{}-lost", lost), Severity::kCritical);
  event.response = watch.plan.on_loss;
  event.message = fmt::format("the {} is gone", lost);
  event.fix = fmt::format("holdfastctl adopt {}", watch.id);
  // What the one that is gone had taken and not answered.
  if (watch.events) (void)watch.events.answer_all(watch.plan.on_loss == Response::kAlert);
  watch.recorder.record(event);
  if (watch.plan.on_loss == Response::kAlert) return;
  // What a violation froze stays so after an adoption.
  const bool held = watch.shared->frozen.load() == Frozen::kByResponse;
  const Event done = respond(watch, watch.plan.on_loss, event, 0, answer_unattended);
  if (!held && done.response == Response::kFreeze && done.disposition != Disposition::kFailed)
    watch.shared->frozen.store(Frozen::kByLoss);
  watch.recorder.record(done);
}

void record_adoption(Watch& watch) {
  Event event = watch.event(EventKind::kSupervisor, "adopted", Severity::kMedium);
  event.message = "it is supervised again";
  event.disposition = Disposition::kAllowed;
  watch.recorder.record(event);
  if (watch.shared->frozen.load() == Frozen::kByLoss)
    watch.recorder.record(release(watch, "adoption", false));
}

void reap(const Fd& process) {
  if (!process) return;
  siginfo_t info{};
  ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process.get()), &info,
           WEXITED | WNOHANG);
}

Result<Child> fork_process(int (*run)(void*), void* argument) {
  const pid_t pid = ::fork();
  if (pid < 0) return os_error("fork");
  if (pid == 0) ::_exit(run(argument));
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return os_error("open a pidfd");
  return Child{pid, std::move(pidfd)};
}

Result<Fd> own_pidfd() {
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!pidfd) return os_error("open a pidfd of our own");
  return pidfd;
}

void take_request(const Watch& watch, Result<std::string> (*handle)(void*, const std::string&),
                  void* argument) {
  const Fd client(::accept4(watch.control.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client) return;
  ucred peer{};
  socklen_t size = sizeof peer;
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != 0) {
    (void)send_packet(client, "error only root may ask");
    return;
  }
  const auto asked = receive_packet(client);
  if (!asked) return;
  const auto done = handle(argument, asked->text);
  (void)send_packet(client, done ? "ok " + *done : "error " + done.error().message);
}

}  // namespace holdfast
