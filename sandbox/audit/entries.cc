#include "sandbox/audit/entries.h"

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/event/formats.h"
#include "core/event/names.h"

namespace holdfast {
namespace {

constexpr int kAuthPriv = 10;
// The journal takes datagrams up to its socket's buffer; a longer OCSF object stays in the file.
constexpr size_t kMostEvent = 64 << 10;
constexpr size_t kMostLine = 2048;

// A value of several lines would need the binary form: none of ours has one, newlines are shown as "?".
void field(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += name;
  out += '=';
  const size_t from = out.size();
  out += value;
  for (size_t at = from; at < out.size(); ++at)
    if (out[at] == '\n') out[at] = '?';
  out += '\n';
}

}  // namespace

int syslog_priority(Severity severity) {
  switch (severity) {
    case Severity::kLow:
      return 5;
    case Severity::kMedium:
      return 4;
    case Severity::kHigh:
      return 3;
    case Severity::kCritical:
      return 2;
    case Severity::kInformational:
      break;
  }
  return 6;
}

std::string journal_entry(const Event& event) {
  std::string out;
  field(out, "MESSAGE", event_text(event));
  field(out, "PRIORITY", fmt::format("{}", syslog_priority(event.severity)));
  field(out, "SYSLOG_IDENTIFIER", "holdfast");
  field(out, "HOLDFAST_CONTAINER", event.container);
  field(out, "HOLDFAST_RULE", event.rule);
  field(out, "HOLDFAST_SEVERITY", enum_name(event.severity));
  field(out, "HOLDFAST_DISPOSITION", enum_name(event.disposition));
  field(out, "HOLDFAST_PROFILE", event.profile);
  if (const std::string object = encode_ocsf(event, 0); object.size() <= kMostEvent)
    field(out, "HOLDFAST_EVENT", object);
  return out;
}

std::string syslog_line(const Event& event, pid_t pid) {
  constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  // "2026-11-22T05:30:21Z"
  const std::string time = rfc3339({static_cast<time_t>(event.time / 1'000'000'000), 0});
  const std::string_view text = time;
  const auto month = parse_number<size_t>(text.substr(5, 2)).value_or(1);
  const auto day = parse_number<unsigned>(text.substr(8, 2)).value_or(1);
  std::string message = event_text(event);
  message.resize(std::min(message.size(), kMostLine));
  return fmt::format("<{}>{} {:2} {} holdfast[{}]: {}",
                     kAuthPriv * 8 + syslog_priority(event.severity), kMonths[(month - 1) % 12],
                     day, text.substr(11, 8), pid, message);
}

}  // namespace holdfast
