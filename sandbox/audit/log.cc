#include "sandbox/audit/log.h"

#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/event/formats.h"
#include "sandbox/audit/tail.h"
#include "sandbox/audit/trust.h"

namespace holdfast {
namespace {

uint64_t nanoseconds(timespec time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

class Locked {
 public:
  explicit Locked(const Fd& fd) : fd_(fd.get()) {
    int got = 0;
    do got = ::flock(fd_, LOCK_EX);
    while (got != 0 && errno == EINTR);
    held_ = got == 0;
  }
  ~Locked() {
    if (held_) ::flock(fd_, LOCK_UN);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  bool held() const { return held_; }

 private:
  const int fd_;
  bool held_ = false;
};

Result<DirFd> open_directory(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW;
  auto directory = DirFd::open(path, kFlags);
  if (directory || directory.error().code != ENOENT) return directory;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return os_error("make {}", path);
  return DirFd::open(path, kFlags);
}

std::string older(uint32_t number) {
  return number == 0 ? kAuditFile : fmt::format("{}.{}", kAuditFile, number);
}

Event own_event(std::string_view rule, std::string message, uint64_t now) {
  Event event;
  event.time = now;
  event.kind = EventKind::kSupervisor;
  event.rule = rule;
  event.severity = Severity::kHigh;
  event.message = std::move(message);
  return event;
}

bool is_important(const std::vector<Event>& events) {
  return std::any_of(events.begin(), events.end(),
                     [](const Event& each) { return each.severity >= Severity::kHigh; });
}

}  // namespace

AuditLog::AuditLog(DirFd directory, const AuditSettings& settings)
    : directory_(std::move(directory)),
      settings_(settings),
      sinks_(settings.sinks, settings.rotate) {}

Result<AuditLog> AuditLog::open(const AuditSettings& settings) {
  HF_TRY(DirFd directory, with_context(open_directory(settings.directory), "audit log"));
  return open_in(std::move(directory), settings);
}

Result<AuditLog> AuditLog::open_in(DirFd directory, const AuditSettings& settings) {
  HF_DO(with_context(check_log_directory(directory, settings.directory), "audit log"));
  AuditLog log(std::move(directory), settings);
  const Locked lock(log.directory_);
  HF_DO(with_context(log.head_.open(log.directory_), "audit log"));
  HF_DO(with_context(log.open_file(), "audit log"));
  log.sinks_.open();
  return log;
}

Result<> AuditLog::reopen() {
  HF_TRY(directory_, directory_.open_dir("."));
  return open_file();
}

Result<> AuditLog::open_file() {
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  HF_TRY(file_, directory_.open_at(kAuditFile, kFlags, 0600));
  end_ = -1;
  return check_log_file(file_, settings_.directory + "/" + kAuditFile);
}

Result<> AuditLog::find_end() {
  struct stat named {
  }, open{};
  const bool there = ::fstatat(directory_.get(), kAuditFile, &named, AT_SYMLINK_NOFOLLOW) == 0;
  if (::fstat(file_.get(), &open) != 0) return os_error("stat {}", kAuditFile);
  if (!there || named.st_ino != open.st_ino || named.st_dev != open.st_dev) {
    HF_DO(open_file());
    if (::fstat(file_.get(), &open) != 0) return os_error("stat {}", kAuditFile);
  }
  return open.st_size == end_ ? Result<>{} : read_end(open.st_size);
}

Result<> AuditLog::read_end(off_t size) {
  HF_TRY(LogTail tail, read_tail(file_, size));
  has_line_ = tail.found;
  torn_ = std::move(tail.rest);
  link_ = std::move(tail.link);
  end_ = size;
  if (has_line_) return {};
  // A new file goes on where the last one ended.
  const auto former = directory_.open_at(older(1), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!former && former.error().code == ENOENT) return {};
  if (!former) return Failure(former.error());
  struct stat info {};
  if (::fstat(former->get(), &info) != 0) return os_error("stat {}", older(1));
  HF_TRY(tail, read_tail(*former, info.st_size));
  link_ = std::move(tail.link);
  return {};
}

Result<> AuditLog::rotate() {
  // The files move up to the first number that is free.
  uint32_t last = 1;
  const uint32_t keep = std::max(settings_.rotate.keep, 1U);
  while (last < keep && directory_.exists(older(last))) ++last;
  for (uint32_t number = last; number > 0; --number)
    if (::renameat(directory_.get(), older(number - 1).c_str(), directory_.get(),
                   older(number).c_str()) != 0)
      return os_error("rename {}", older(number - 1));
  HF_DO(open_file());
  end_ = 0;
  has_line_ = false;
  return {};
}

// What the log itself has to say before it goes on.
std::vector<Event> AuditLog::own_events(const HeadRecord& head) {
  std::vector<Event> own;
  const uint64_t now = nanoseconds(wall_clock());
  if (!torn_.empty())
    own.push_back(own_event("audit-torn",
                            fmt::format("{} bytes before this line are none of the log's: {}",
                                        torn_.size(), sha256_hex(torn_)),
                            now));
  if (head.link.sequence > link_.sequence) {
    own.push_back(own_event("audit-cut",
                            fmt::format("the log ended with line {}, now it ends with line {}",
                                        head.link.sequence, link_.sequence),
                            now));
    own.back().severity = Severity::kCritical;
  }
  if (head.lost > 0) {
    const timespec first{static_cast<time_t>(head.first / 1'000'000'000), 0};
    own.push_back(own_event(
        "audit-lost",
        fmt::format("{} events could not be written, the first at {}", head.lost, rfc3339(first)),
        now));
    own.back().count = head.lost;
    own.back().first_time = head.first;
  }
  return own;
}

Result<> AuditLog::write(std::string_view text, const Link& link, bool important) {
  if (auto done = write_all(file_, text); !done) {
    // Half a batch is none: without the space for all of it the log ends where it ended.
    const int code = done.error().code;
    if (::ftruncate(file_.get(), end_) != 0) end_ = -1;
    return os_failure(code, fmt::format("write {}", kAuditFile));
  }
  end_ += static_cast<off_t>(text.size());
  link_ = link;
  has_line_ = true;
  torn_.clear();
  const bool sync = settings_.sync == AuditSync::kAlways ||
                    (settings_.sync == AuditSync::kImportant && important);
  if (sync && ::fdatasync(file_.get()) != 0) return os_error("sync {}", kAuditFile);
  return {};
}

Result<Appended> AuditLog::append_locked(const std::vector<Event>& events) {
  HF_DO(find_end());
  // A part of a batch may make the file a little larger than it should be: batches stay whole.
  if (end_ > 0 && static_cast<uint64_t>(end_) >= settings_.rotate.size) HF_DO(rotate());
  const HeadRecord head = head_.read();
  const std::vector<Event> own = own_events(head);
  Link link = head.link.sequence > link_.sequence ? head.link : link_;
  bool first = !has_line_;
  std::string text;
  if (!torn_.empty() && !torn_.ends_with('\n')) text += '\n';
  for (const auto* list : {&own, &events})
    for (const Event& event : *list) {
      text += seal(encode_ocsf(event, link.sequence + 1), link,
                   std::exchange(first, false) ? Place::kFirstOfFile : Place::kFurther);
      text += '\n';
    }
  HF_DO(write(text, link, is_important(events)));
  head_.advance(link_);
  for (const Event& event : own) sinks_.add(event);
  return Appended{link_.sequence, events.size()};
}

Result<Appended> AuditLog::append(std::span<const Event> events) {
  std::vector<Event> grave;
  for (const Event& event : events) {
    if (event.severity < settings_.level) continue;
    grave.push_back(event);
    if (grave.back().time == 0) grave.back().time = nanoseconds(wall_clock());
  }
  if (grave.empty()) return Appended{};
  const Locked lock(directory_);
  if (!lock.held()) return os_error("audit log: lock");
  auto done = append_locked(grave);
  uint64_t count = 0;
  for (const Event& event : grave) {
    count += event.count;
    sinks_.add(event);
  }
  if (!done) {
    head_.add_loss(count, grave.front().time);
    sinks_.add_lost(count);
  }
  sinks_.settle();
  return with_context(std::move(done), "audit log");
}

void AuditLog::flush() {
  const Locked lock(directory_);
  sinks_.flush();
}

Result<> record(const AuditSettings& settings, std::span<const Event> events) {
  HF_TRY(AuditLog log, AuditLog::open(settings));
  HF_DO(log.append(events));
  return {};
}

}  // namespace holdfast
