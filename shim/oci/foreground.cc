#include "shim/oci/foreground.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "shim/oci/container.h"

namespace holdfast {
namespace {

// Everything but what the kernel raises for our own doings.
sigset_t forwarded_signals() {
  sigset_t set;
  sigfillset(&set);
  for (const int own : {SIGPIPE, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS})
    sigdelset(&set, own);
  return set;
}

int status_of(const siginfo_t& info) {
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

}  // namespace

Foreground::~Foreground() {
  if (saved_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*saved_);
}

Result<> Foreground::prepare() {
  const sigset_t set = forwarded_signals();
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return os_error("block signals");
  signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return os_error("signalfd");
  if (!process_.terminal) return {};
  copy_window_size();
  return set_raw();
}

Result<> Foreground::set_raw() {
  termios settings{};
  // Without a terminal of ours the container's is fed from whatever stdin is.
  if (::tcgetattr(STDIN_FILENO, &settings) != 0) return {};
  termios raw = settings;
  ::cfmakeraw(&raw);
  if (::tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) return os_error("set the terminal raw");
  saved_ = settings;
  return {};
}

void Foreground::copy_window_size() const {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
    ::ioctl(process_.terminal.get(), TIOCSWINSZ, &size);
}

void Foreground::take_signals() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCHLD || signal == SIGURG) continue;
    if (signal == SIGWINCH && process_.terminal) {
      copy_window_size();
      continue;
    }
    // Its end may be on its way to us: then nobody is left to tell.
    ::syscall(SYS_pidfd_send_signal, process_.pidfd.get(), signal, nullptr, 0);
  }
}

std::optional<int> Foreground::ended() {
  siginfo_t info{};
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process_.pidfd.get()), &info,
               WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0)
    return std::nullopt;
  return status_of(info);
}

void Foreground::reap_others() const {
  while (true) {
    siginfo_t info{};
    // Looked at first: the container's own end is for ended() to collect.
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    if (info.si_pid == process_.pid) return;
    ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
  }
}

// False at the end of the input, or when nobody takes the output.
bool Foreground::relay(int from, int to) const {
  char block[16384];
  const ssize_t got = ::read(from, block, sizeof block);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  for (ssize_t done = 0; done < got;) {
    const ssize_t put = ::write(to, block + done, static_cast<size_t>(got - done));
    if (put < 0 && errno != EINTR) return false;
    if (put > 0) done += put;
  }
  return got > 0;
}

// What the container wrote before its end. The master says EIO once no peer is open.
void Foreground::drain_terminal() const {
  pollfd ready{.fd = process_.terminal.get(), .events = POLLIN, .revents = 0};
  while (::poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0)
    if (!relay(process_.terminal.get(), STDOUT_FILENO)) return;
}

// False once there is nothing more to come.
bool Foreground::take_readiness() const {
  const auto done = options_.readiness->take(::getpid());
  if (!done) warn(done.error().message);
  return done && !*done;
}

Result<int> Foreground::wait() {
  const int master = process_.terminal ? process_.terminal.get() : -1;
  pollfd fds[] = {{process_.pidfd.get(), POLLIN, 0},
                  {signals_.get(), POLLIN, 0},
                  {master, POLLIN, 0},
                  {master >= 0 ? STDIN_FILENO : -1, POLLIN, 0},
                  {options_.readiness ? options_.readiness->descriptor() : -1, POLLIN, 0}};
  while (true) {
    if (::poll(fds, std::size(fds), -1) < 0 && errno != EINTR) return os_error("wait");
    if (fds[1].revents != 0) {
      take_signals();
      if (options_.reap_orphans) reap_others();
    }
    if (fds[2].revents != 0 && !relay(master, STDOUT_FILENO)) fds[2].fd = -1;
    if (fds[3].revents != 0 && !relay(STDIN_FILENO, master)) fds[3].fd = -1;
    if (fds[4].revents != 0 && !take_readiness()) fds[4].fd = -1;
    if (fds[0].revents == 0) continue;
    const auto status = ended();
    if (!status) return error("the process ended, but it is not ours to wait for");
    if (master >= 0) drain_terminal();
    return *status;
  }
}

}  // namespace holdfast
