#include "sandbox/audit/metrics.h"

#include "core/base/text.h"
#include "core/event/names.h"

namespace holdfast {
namespace {

constexpr std::string_view kEvents = "holdfast_events_total";
constexpr std::string_view kLost = "holdfast_audit_lost_total";
constexpr std::string_view kFailures = "holdfast_audit_sink_failures_total";

// A rule's name is ours, but nothing of an event is trusted to be a label.
std::string label(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 64)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    out += plain ? c : '_';
  }
  return out;
}

std::string series(std::string_view rule, const Event& event) {
  return fmt::format("{}{{rule=\"{}\",severity=\"{}\",disposition=\"{}\"}}", kEvents, label(rule),
                     enum_name(event.severity), enum_name(event.disposition));
}

void head(std::string& out, std::string_view name, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} counter\n", name, help, name);
}

}  // namespace

void Metrics::add(const Event& event) {
  std::string name = series(event.rule, event);
  if (series_.size() >= kMostSeries && !series_.contains(name)) name = series("other", event);
  series_[std::move(name)] += event.count;
}

std::string Metrics::merged(std::string_view old) const {
  std::map<std::string, uint64_t> events = series_, failures;
  uint64_t lost = lost_;
  for (const auto& [sink, count] : failures_)
    failures[fmt::format("{}{{sink=\"{}\"}}", kFailures, label(sink))] += count;
  for (const std::string_view line : split(old, '\n')) {
    const size_t blank = line.rfind(' ');
    if (line.starts_with('#') || blank == line.npos) continue;
    const auto count = parse_number<uint64_t>(line.substr(blank + 1));
    const std::string_view name = line.substr(0, blank);
    if (!count) continue;
    if (name == kLost) lost += *count;
    if (name.starts_with(kFailures)) failures[std::string(name)] += *count;
    if (name.starts_with(kEvents) &&
        (events.size() < kMostSeries || events.contains(std::string(name))))
      events[std::string(name)] += *count;
  }
  std::string out;
  head(out, kEvents, "Events of containers, those told as one counted each.");
  for (const auto& [name, count] : events) out += fmt::format("{} {}\n", name, count);
  head(out, kLost, "Events that could not be written to the audit log.");
  out += fmt::format("{} {}\n", kLost, lost);
  head(out, kFailures, "Events that a sink beside the audit log did not take.");
  for (const auto& [name, count] : failures) out += fmt::format("{} {}\n", name, count);
  return out;
}

}  // namespace holdfast
