#include "core/base/log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/json/writer.h"

namespace holdfast {
namespace {

void to_stderr(std::string_view line) {
  const ssize_t put = ::write(STDERR_FILENO, line.data(), line.size());
  static_cast<void>(put);  // there is nowhere left to tell it
}

Result<> append_to_file(const std::string& path, std::string_view line) {
  Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!file) return os_error("open log file {}", path);
  return with_context(write_all(file, line), "log file {}", path);
}

// The journal's native protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
Result<> send_to_journal(std::string_view identifier, std::string_view message) {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return os_error("open a socket to the journal");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  constexpr std::string_view kPath = "/run/systemd/journal/socket";
  kPath.copy(address.sun_path, kPath.size());
  // A value with a newline would need the binary form; an error is one line.
  std::string line(message);
  for (char& c : line)
    if (c == '\n') c = ' ';
  const std::string entry =
      fmt::format("MESSAGE={}\nPRIORITY=3\nSYSLOG_IDENTIFIER={}\n", line, identifier);
  if (::sendto(socket.get(), entry.data(), entry.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return os_error("write to the journal");
  return {};
}

void send_to_syslog(const std::string& identifier, const std::string& message) {
  ::openlog(identifier.c_str(), LOG_PID, LOG_DAEMON);
  ::syslog(LOG_ERR, "%s", message.c_str());
  ::closelog();
}

Result<> write_log(const Log& log, std::string_view message) {
  const std::string_view where = log.destination;
  const auto after = [&](std::string_view scheme) {
    const std::string_view rest = where.substr(scheme.size());
    return std::string(rest.empty() ? "holdfast" : rest);
  };
  if (where.starts_with("journald:")) return send_to_journal(after("journald:"), message);
  if (where.starts_with("syslog:")) {
    send_to_syslog(after("syslog:"), std::string(message));
    return {};
  }
  const std::string path(where.starts_with("file:") ? where.substr(5) : where);
  return append_to_file(path, format_failure(log.format, message, wall_clock()));
}

}  // namespace

std::string format_failure(LogFormat format, std::string_view message, timespec time) {
  const std::string quoted = json::quoted(message);
  if (format == LogFormat::kJson)
    return fmt::format("{{\"level\":\"error\",\"msg\":{},\"time\":\"{}\"}}\n", quoted,
                       rfc3339(time));
  return fmt::format("time=\"{}\" level=error msg={}\n", rfc3339(time), quoted);
}

void report_failure(const Log& log, std::string_view message) {
  if (log.destination.empty() || log.destination == "/dev/stderr")
    return to_stderr(format_failure(log.format, message, wall_clock()));
  if (auto done = write_log(log, message); !done) to_stderr(done.error().message + "\n");
  to_stderr(std::string(message) + "\n");
}

}  // namespace holdfast
