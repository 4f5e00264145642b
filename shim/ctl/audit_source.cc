#include "shim/ctl/audit_source.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <ctime>

#include "core/base/clock.h"
#include "core/event/audit_settings.h"
#include "profiles/policy/quantity.h"
#include "sandbox/audit/log.h"
#include "sandbox/audit/verify.h"
#include "shim/ctl/containers.h"
#include "shim/ctl/policy_source.h"

namespace holdfast::ctl {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr int kPatience = 1000;  // ms after which it is looked even without a notice

}  // namespace

Result<std::string> audit_directory(const Arguments& args) {
  if (args.given("directory")) return args.text("directory");
  HF_TRY(const PolicySet set, policy_from(kNodeDirectory));
  return set.audit.value_or(AuditSettings{}).directory;
}

Result<AuditReader> AuditReader::open(const Arguments& args) {
  HF_TRY(const std::string path, audit_directory(args));
  HF_TRY(DirFd directory, with_context(DirFd::open(path), "audit log"));
  AuditReader reader(std::move(directory));
  // Before the first look, so that nothing is appended unnoticed.
  reader.notices_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!reader.notices_) return os_error("watch {}", path);
  if (::inotify_add_watch(reader.notices_.get(), path.c_str(),
                          IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
    return os_error("watch {}", path);
  HF_DO(with_context(reader.open_files(), "audit log"));
  return reader;
}

Result<> AuditReader::open_files() {
  sources_.clear();
  HF_TRY(const std::vector<std::string> names, audit_files(directory_));
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    auto file = directory_.open_at(*name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file && file.error().code == ENOENT) continue;
    if (!file) return Failure(std::move(file).error());
    LineReader reader(*file);
    sources_.push_back({std::move(*file), std::move(reader)});
  }
  return {};
}

// Whether the newest file is another one than the one that is read.
bool AuditReader::was_rotated() const {
  struct stat named {
  }, open{};
  if (::fstatat(directory_.get(), kAuditFile, &named, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (sources_.empty()) return true;
  return ::fstat(sources_.back().file.get(), &open) == 0 && open.st_ino != named.st_ino;
}

Result<std::optional<AuditLine>> AuditReader::next() {
  while (true) {
    if (sources_.empty()) return std::optional<AuditLine>();
    HF_TRY(const auto line, sources_.back().reader.next(false));
    if (!line) {
      if (sources_.size() == 1) return std::optional<AuditLine>();
      sources_.pop_back();
      continue;
    }
    auto recorded = decode_ocsf(line->text);
    if (!recorded) {
      ++foreign_;
      continue;
    }
    if (recorded->sequence <= last_) continue;
    last_ = recorded->sequence;
    return std::optional(AuditLine{std::string(line->text), std::move(*recorded)});
  }
}

Result<> AuditReader::wait() {
  if (was_rotated()) return open_files();
  pollfd notice{.fd = notices_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&notice, 1, kPatience) < 0 && errno != EINTR) return os_error("wait");
  char rest[4096];
  while (::read(notices_.get(), rest, sizeof rest) > 0) {
  }
  return {};
}

std::string audited_container(const std::string& text, const std::string& root) {
  if (text.empty()) return text;
  const auto found = find_container(text, root);
  return found ? found->dir.id() : text;
}

Result<uint64_t> since_time(const std::string& text) {
  if (text.empty()) return 0;
  const timespec now = wall_clock();
  Seconds ago;
  if (parse_scalar(text, ago).empty() && ago.value >= 0 && ago.value <= now.tv_sec)
    return static_cast<uint64_t>(now.tv_sec - ago.value) * kSecond;
  for (const char* form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"}) {
    tm parts{};
    const char* end = ::strptime(text.c_str(), form, &parts);
    if (end && *end == '\0') return static_cast<uint64_t>(::timegm(&parts)) * kSecond;
  }
  return error("--since: \"{}\" is no time: 10m, 2h, 2026-11-22 or 2026-11-22T05:30:00Z (UTC)",
               text);
}

}  // namespace holdfast::ctl
