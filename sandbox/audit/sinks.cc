#include "sandbox/audit/sinks.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <ctime>

#include "core/event/formats.h"
#include "sandbox/audit/entries.h"
#include "sandbox/audit/trust.h"

namespace holdfast {
namespace {

constexpr char kJournal[] = "/run/systemd/journal/socket";
constexpr char kSyslog[] = "/dev/log";
constexpr time_t kPause = 5;  // seconds between writings of Prometheus's file
constexpr size_t kMostMetrics = 1 << 20;

time_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + 1;  // never 0
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == path.npos ? "/" : path.substr(0, slash);
}

}  // namespace

void Sinks::open() {
  if (settings_.journald || settings_.syslog)
    socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!settings_.falco.empty()) judge("falco", open_falco());
  if (settings_.prometheus.empty()) return;
  auto directory = DirFd::open(directory_of(settings_.prometheus));
  if (directory) metrics_directory_ = std::move(*directory);
}

void Sinks::judge(std::string_view sink, const Result<>& done) {
  if (!done) metrics_.add_failure(sink);
}

Result<> Sinks::send(const char* socket, std::string_view datagram) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view(socket).copy(address.sun_path, sizeof address.sun_path - 1);
  // Addressed each time: a connected socket would not find the journal again after its restart.
  if (::sendto(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return os_error("write to {}", socket);
  return {};
}

Result<> Sinks::open_falco() {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  falco_ = Fd(::open(settings_.falco.c_str(), kFlags, 0600));
  if (!falco_) return os_error("open {}", settings_.falco);
  auto trusted = check_log_file(falco_, settings_.falco);
  if (!trusted) falco_ = Fd();
  return trusted;
}

Result<> Sinks::append_falco(const Event& event) {
  struct stat open {
  }, named{};
  const bool known = falco_ && ::fstat(falco_.get(), &open) == 0;
  const bool there = ::lstat(settings_.falco.c_str(), &named) == 0;
  if (known && there && open.st_ino == named.st_ino &&
      static_cast<uint64_t>(open.st_size) >= rotation_.size) {
    const std::string older = settings_.falco + ".1";
    if (::rename(settings_.falco.c_str(), older.c_str()) != 0)
      return os_error("rename {}", settings_.falco);
    HF_DO(open_falco());
  } else if (!known || !there || open.st_ino != named.st_ino) {
    HF_DO(open_falco());
  }
  return write_all(falco_, encode_falco(event) + "\n");
}

void Sinks::add(const Event& event) {
  if (settings_.journald) judge("journald", send(kJournal, journal_entry(event)));
  if (settings_.syslog) judge("syslog", send(kSyslog, syslog_line(event, ::getpid())));
  if (!settings_.falco.empty()) judge("falco", append_falco(event));
  if (!settings_.prometheus.empty()) metrics_.add(event);
}

void Sinks::add_lost(uint64_t events) {
  if (!settings_.prometheus.empty()) metrics_.add_lost(events);
}

Result<> Sinks::write_metrics() {
  if (!metrics_directory_) {
    HF_TRY(metrics_directory_, DirFd::open(directory_of(settings_.prometheus)));
  }
  const std::string name = settings_.prometheus.substr(settings_.prometheus.rfind('/') + 1);
  auto old = metrics_directory_.read(name, kMostMetrics);
  if (!old && old.error().code != ENOENT) return Failure(std::move(old).error());
  // The collector runs as a user of its own.
  return metrics_directory_.replace(name, metrics_.merged(old ? *old : ""), 0644);
}

void Sinks::flush() {
  if (settings_.prometheus.empty() || metrics_.empty()) return;
  metrics_written_ = now();
  if (write_metrics()) metrics_.clear();
}

void Sinks::settle() {
  if (now() - metrics_written_ >= kPause || metrics_written_ == 0) flush();
}

}  // namespace holdfast
