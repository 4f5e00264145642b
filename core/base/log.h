// The one error that a failed command leaves behind, where its caller looks for it.
//
//   Log log{.destination = "/run/b/log.json", .format = LogFormat::kJson};
//   report_failure(log, "container does not exist");
//
// Engines parse the log file: containerd takes the last object of level "error", podman parses the
// whole file as one object. So nothing but this one error is ever written there; without a log
// file it goes to stderr in the same format, with one stderr gets the bare message as well.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace holdfast {

enum class LogFormat { kText, kJson };

struct Log {
  // "" (stderr), a path, "file:PATH", "syslog:IDENT" or "journald:IDENT".
  std::string destination;
  LogFormat format = LogFormat::kText;
};

// One line, with its newline:
//   {"level":"error","msg":"...","time":"2026-11-21T19:27:46Z"}
//   time="2026-11-21T19:27:46Z" level=error msg="..."
std::string format_failure(LogFormat format, std::string_view message, timespec time);

void report_failure(const Log& log, std::string_view message);

}  // namespace holdfast
