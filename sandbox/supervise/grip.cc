#include "sandbox/supervise/grip.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/place.h"

namespace holdfast {
namespace {

using cgroup::keyed;

constexpr int kAttempts = 1000;

void pause_for(long microseconds) {
  const timespec time{0, microseconds * 1000};
  ::nanosleep(&time, nullptr);
}

// One that this kernel has not is no descriptor.
Result<Fd> open_control(const std::string& directory, const char* file, int flags) {
  const std::string path = fmt::format("{}/{}", directory, file);
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd && errno != ENOENT) return os_error("open {}", path);
  return fd;
}

Result<std::string> read_now(const Fd& fd) {
  char text[8192];
  const ssize_t got = ::pread(fd.get(), text, sizeof text, 0);
  if (got < 0) return os_error("read a control file");
  return std::string(text, static_cast<size_t>(got));
}

Result<> write_now(const Fd& fd, std::string_view text) {
  if (::pwrite(fd.get(), text.data(), text.size(), 0) != std::ssize(text))
    return os_error("write {} to a control file", text);
  return {};
}

}  // namespace

Result<Grip> Grip::open(const CgroupRecord& record) {
  Grip grip;
  const auto* v1 = cgroup::find_controller(record, "freezer");
  const auto* v2 = cgroup::find_v2(record);
  if (v1) {
    HF_TRY(grip.state_, open_control(v1->directory, "freezer.state", O_RDWR));
    HF_TRY(grip.directory_, DirFd::open(v1->directory, O_PATH));
  }
  if (v2) {
    HF_TRY(grip.kill_, open_control(v2->directory, "cgroup.kill", O_WRONLY));
    HF_TRY(grip.events_, open_control(v2->directory, "cgroup.events", O_RDONLY));
    if (!v1) {
      grip.v2_freezer_ = true;
      HF_TRY(grip.state_, open_control(v2->directory, "cgroup.freeze", O_RDWR));
      HF_TRY(grip.directory_, DirFd::open(v2->directory, O_PATH));
    }
  }
  return grip;
}

Result<bool> Grip::frozen() const {
  if (!state_) return false;
  if (v2_freezer_) {
    HF_TRY(const std::string text, read_now(events_));
    return keyed(text, "frozen") == 1;
  }
  HF_TRY(const std::string text, read_now(state_));
  return text.starts_with("FROZEN");
}

Result<> Grip::freeze(void (*meanwhile)(void*), void* argument) const {
  if (!state_) return error("the host has no freezer");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (ended()) return error("it has ended");
    // A process in an uninterruptible sleep, or one that forks meanwhile, keeps version 1 from coming
    // to rest: the kernel looks again at each write, and a short thaw lets it come out.
    if (!v2_freezer_ && attempt % 50 == 49) {
      HF_DO(thaw());
      pause_for(10000);
    }
    if (attempt == 0 || !v2_freezer_) HF_DO(write_now(state_, v2_freezer_ ? "1" : "FROZEN"));
    meanwhile(argument);
    HF_TRY(const bool still, frozen());
    if (still) return {};
    pause_for(attempt < 20 ? 100 : 5000);
  }
  (void)thaw();
  return error("it does not come to rest");
}

Result<> Grip::thaw() const {
  if (!state_) return error("the host has no freezer");
  return write_now(state_, v2_freezer_ ? "0" : "THAWED");
}

Result<std::string> Grip::pids() const {
  if (!directory_) return std::string();
  auto text = directory_.read("cgroup.procs");
  // Whoever deletes the container removes it as soon as it is empty.
  if (!text && (text.error().code == ENOENT || text.error().code == ENODEV)) return std::string();
  return text;
}

Result<bool> Grip::populated() const {
  HF_TRY(const std::string left, pids());
  return !left.empty();
}

// Frozen, so that nothing they fork gets away.
void Grip::kill_each() const {
  const auto left = pids();
  if (!left) return;
  for (const auto line : split(*left, '\n'))
    if (const auto pid = parse_number<pid_t>(line)) ::kill(*pid, SIGKILL);
}

Result<> Grip::kill() const {
  if (kill_) (void)write_now(kill_, "1");
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    // In a freezer of version 1 a process dies of SIGKILL when it is thawed.
    if (state_ && !v2_freezer_) (void)write_now(state_, "THAWED");
    HF_TRY(const bool left, populated());
    if (!left && ended()) return {};
    if (left && attempt > 0) {
      if (state_ && !v2_freezer_) (void)write_now(state_, "FROZEN");
      kill_each();
    }
    pollfd end{pidfd_.get(), POLLIN, 0};
    if (!ended())
      (void)::poll(&end, 1, 5);
    else
      pause_for(attempt < 10 ? 200 : 5000);
  }
  return error("some process does not end");
}

bool Grip::ended() const {
  if (!pidfd_) return false;
  pollfd end{pidfd_.get(), POLLIN, 0};
  return ::poll(&end, 1, 0) > 0;
}

}  // namespace holdfast
