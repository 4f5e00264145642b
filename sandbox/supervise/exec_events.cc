#include "sandbox/supervise/exec_events.h"

#include <linux/securebits.h>
#include <sys/fanotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#ifndef FAN_REPORT_PIDFD
#define FAN_REPORT_PIDFD 0x80  // Linux 5.15
#define FAN_EVENT_INFO_TYPE_PIDFD 4
struct fanotify_event_info_pidfd {
  struct fanotify_event_info_header hdr;
  __s32 pidfd;
};
#endif

namespace holdfast {
namespace {

// The most descriptors that a reader has at a time: answers go by their numbers.
constexpr int kMostDescriptors = 1024;

// FAN_UNLIMITED_QUEUE: what finds the queue full is let through, so it must have no bound; each entry
// is a thread of the container's that waits, and so the pids limit bounds it. O_NONBLOCK: opening what
// was opened must not wait for the other end of a FIFO.
Fd make_group() {
  constexpr unsigned int kFlags =
      FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS;
  constexpr unsigned int kEventFlags = O_RDONLY | O_CLOEXEC | O_LARGEFILE | O_NONBLOCK;
  Fd group(::fanotify_init(kFlags | FAN_REPORT_PIDFD, kEventFlags));
  if (!group && errno == EINVAL) group = Fd(::fanotify_init(kFlags, kEventFlags));
  return group;
}

// fs.fanotify.max_user_groups, 128 by default, counts by the effective uid: with one for each process the
// containers of a node do not get in each other's way, and the setting stays the administrator's.
Result<Fd> make_group_of_our_own() {
  const int bits = ::prctl(PR_GET_SECUREBITS);
  if (bits < 0 || ::prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) != 0)
    return os_error("keep capabilities");
  const uid_t before = ::geteuid();
  const auto accounted = static_cast<uid_t>(0x7e000000 | ::getpid());
  // By the system call: glibc would change all threads.
  if (::syscall(SYS_setresuid, -1, accounted, -1) != 0) return os_error("change the effective uid");
  Fd group = make_group();
  const int code = errno;
  if (::syscall(SYS_setresuid, -1, before, -1) != 0 || ::prctl(PR_SET_SECUREBITS, bits) != 0)
    return os_error("change the effective uid back");
  if (!group) return os_error_of(code, "make a fanotify group");
  return group;
}

}  // namespace

Result<ExecEvents> ExecEvents::open() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return os_error("read RLIMIT_NOFILE");
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, kMostDescriptors);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return os_error("set RLIMIT_NOFILE");
  ExecEvents events;
  HF_TRY(events.group_, make_group_of_our_own());
  return events;
}

bool ExecEvents::answer(int number, bool allow) const {
  const fanotify_response response{number, allow ? uint32_t{FAN_ALLOW} : uint32_t{FAN_DENY}};
  return ::write(group_.get(), &response, sizeof response) == sizeof response;
}

int ExecEvents::answer_all(bool allow) const {
  int answered = 0;
  // Two readers may have had two events under one number: each answer takes the older one.
  const auto all_numbers = [&] {
    for (int number = 0; number < kMostDescriptors; ++number)
      while (answer(number, allow)) ++answered;
  };
  all_numbers();
  (void)read([&](ExecEvent& event) { answered += answer(event.number, allow); });
  all_numbers();
  return answered;
}

Result<> ExecEvents::read(void (*handle)(void*, ExecEvent&), void* argument) const {
  alignas(fanotify_event_metadata) char buffer[2048];
  while (true) {
    const ssize_t got = ::read(group_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN) return {};
    // Anything else is of one event, whose file could not be opened: the kernel has denied it.
    if (got < 0 && (errno == EBADF || errno == EINVAL || errno == EFAULT))
      return os_error("read fanotify events");
    if (got <= 0) continue;
    auto* at = reinterpret_cast<fanotify_event_metadata*>(buffer);
    for (ssize_t left = got; FAN_EVENT_OK(at, left); at = FAN_EVENT_NEXT(at, left)) {
      ExecEvent event;
      event.file = Fd(at->fd);
      event.number = at->fd;
      event.pid = at->pid;
      event.opened = (at->mask & FAN_OPEN_EXEC_PERM) == 0;
      const auto* info = reinterpret_cast<const char*>(at) + at->metadata_len;
      const auto* end = reinterpret_cast<const char*>(at) + at->event_len;
      if (info + sizeof(fanotify_event_info_pidfd) <= end) {
        fanotify_event_info_pidfd pidfd;
        std::memcpy(&pidfd, info, sizeof pidfd);
        if (pidfd.hdr.info_type == FAN_EVENT_INFO_TYPE_PIDFD && pidfd.pidfd >= 0)
          event.process = Fd(pidfd.pidfd);
      }
      if (at->fd >= 0) handle(argument, event);
    }
  }
}

}  // namespace holdfast
