#include "shim/ctl/event_lines.h"

#include <ctime>

#include "core/base/text.h"
#include "core/event/names.h"
#include "core/event/redact.h"

namespace holdfast::ctl {
namespace {

constexpr size_t kIndent = 17;

std::string short_digest(const std::string& digest) {
  return digest.size() > 12 ? digest.substr(0, 12) + "..." : digest;
}

std::string actor_text(const ProcessRef& process) {
  std::string text = fmt::format("pid {}", process.pid);
  if (!process.exe.empty()) return text + " " + process.exe;
  if (!process.args.empty()) return text + " " + process.args[0];
  return text;
}

void add_line(std::string& out, std::string_view text) {
  out.append(kIndent, ' ');
  out += printable(text);
  out += '\n';
}

}  // namespace

Colour severity_colour(Severity severity) {
  if (severity >= Severity::kHigh) return Colour::kRed;
  if (severity == Severity::kMedium) return Colour::kYellow;
  return severity == Severity::kLow ? Colour::kNone : Colour::kDim;
}

std::string clock_text(uint64_t nanoseconds) {
  const auto time = static_cast<time_t>(nanoseconds / 1'000'000'000);
  const time_t now = ::time(nullptr);
  tm then{}, today{};
  char text[32] = "";
  if (!::localtime_r(&time, &then) || !::localtime_r(&now, &today)) return text;
  const bool same = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
  ::strftime(text, sizeof text, same ? "%T" : "%F %T", &then);
  return text;
}

std::string subject_text(const Event& event) {
  if (event.file) {
    std::string text = event.file->path;
    if (!event.file->former_sha256.empty())
      text += fmt::format(" (sha256 {}, was {})", short_digest(event.file->sha256),
                          short_digest(event.file->former_sha256));
    else if (!event.file->sha256.empty())
      text += fmt::format(" (sha256 {})", short_digest(event.file->sha256));
    return text;
  }
  if (event.connection)
    return fmt::format("{} {} {}:{}", event.connection->outbound ? "to" : "at",
                       event.connection->protocol, event.connection->address,
                       event.connection->port);
  if (event.syscall) return fmt::format("{}({})", event.syscall->name, event.syscall->arguments);
  return "";
}

std::string event_lines(const Event& event, const Terminal& terminal) {
  std::string what;
  if (!event.processes.empty()) what = actor_text(event.processes[0]);
  if (event.injected) what += " (executed into the container)";
  if (const std::string subject = subject_text(event); !subject.empty())
    what += (what.empty() ? "" : ": ") + subject;
  const std::string severity = fmt::format("{:<8}", enum_name(event.severity).substr(0, 8));
  std::string out = fmt::format("{} {}{}  {:<12}  {}  {}", clock_text(event.time),
                                coloured(severity, severity_colour(event.severity), terminal),
                                coloured(printable(event.rule), Colour::kBold, terminal),
                                printable(event.container.substr(0, 12)), printable(what),
                                enum_name(event.disposition));
  for (const std::string& technique : event.attack) out += "  " + printable(technique);
  if (event.count > 1)
    out += fmt::format("  {} times since {}", event.count, clock_text(event.first_time));
  out += '\n';
  if (!event.message.empty()) add_line(out, event.message);
  if (!event.processes.empty() && event.processes[0].args.size() > 1)
    add_line(out, "command: " + command_line(event.processes[0].args, 512));
  if (event.processes.size() > 1) {
    std::string parents = "parents: ";
    for (size_t i = 1; i < event.processes.size(); ++i)
      parents += (i > 1 ? " < " : "") + actor_text(event.processes[i]);
    add_line(out, parents);
  }
  if (!event.fix.empty()) add_line(out, "fix: " + event.fix);
  return out;
}

}  // namespace holdfast::ctl
