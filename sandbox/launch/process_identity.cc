// Who a process is: its pid, when it started, and in which boot.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/text.h"
#include "sandbox/launch/state_store.h"

namespace holdfast {
namespace {

// A small file of procfs in one read.
Result<std::string> read_small(const char* path) {
  Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return os_error("open {}", path);
  char text[1024];
  const ssize_t got = ::read(file.get(), text, sizeof text);
  if (got < 0) return os_error("read {}", path);
  return std::string(text, static_cast<size_t>(got));
}

const std::string& boot_id() {
  static const std::string id = [] {
    auto text = read_small("/proc/sys/kernel/random/boot_id");
    return text ? std::string(trim(*text)) : std::string();
  }();
  return id;
}

Failure gone() { return Failure(Error{"process already finished", ESRCH}); }

// Field 22 of proc_pid_stat(5); code ESRCH for a zombie.
Result<uint64_t> start_time(pid_t pid) {
  char path[32];
  *fmt::format_to_n(path, sizeof path - 1, "/proc/{}/stat", pid).out = '\0';
  auto text = read_small(path);
  if (!text && (text.error().code == ENOENT || text.error().code == ESRCH)) return gone();
  if (!text) return Failure(std::move(text).error());
  // The name stands in parentheses and may hold anything, so fields count from the last one.
  const size_t name_end = text->rfind(')');
  if (name_end == std::string::npos) return error("{}: no process name", path);
  const std::string_view rest = std::string_view(*text).substr(name_end + 1);
  const auto fields = split(trim(rest), ' ');  // fields[0] is field 3
  if (fields.size() < 20) return error("{}: too few fields", path);
  if (fields[0] == "Z" || fields[0] == "X") return gone();
  const auto time = parse_number<uint64_t>(fields[19]);
  if (!time) return error("{}: start time is no number", path);
  return *time;
}

}  // namespace

Result<ProcessIdentity> identify(pid_t pid) {
  HF_TRY(const uint64_t time, start_time(pid));
  return ProcessIdentity{.pid = pid, .start_time = time, .boot_id = boot_id()};
}

bool alive(const ProcessIdentity& identity) {
  if (identity.pid <= 0 || identity.boot_id != boot_id()) return false;
  const auto time = start_time(identity.pid);
  return time && *time == identity.start_time;
}

Result<Fd> open_process(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return gone();
  Fd process(static_cast<int>(::syscall(SYS_pidfd_open, identity.pid, 0)));
  if (!process && errno == ESRCH) return gone();
  if (!process) return os_error("open process {}", identity.pid);
  // Judged with the descriptor in hand: from here on the pid cannot become another process's.
  if (!alive(identity)) return gone();
  return process;
}

}  // namespace holdfast
