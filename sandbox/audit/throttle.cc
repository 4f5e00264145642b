#include "sandbox/audit/throttle.h"

#include <algorithm>

#include "core/base/text.h"

namespace holdfast {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr size_t kLongestSubject = 512;

// What makes two events of a rule the same.
std::string subject_of(const Event& e) {
  std::string text = fmt::format("{}\n{}\n", static_cast<unsigned>(e.disposition),
                                 static_cast<unsigned>(e.response));
  if (!e.processes.empty()) text += e.processes[0].exe;
  text += '\n';
  if (e.file) text += e.file->path + '\n' + e.file->sha256;
  if (e.connection)
    text += fmt::format("\n{} {} {}", e.connection->protocol, e.connection->address,
                        e.connection->port);
  if (e.syscall) text += '\n' + e.syscall->name;
  // Longer ones may count as the same: told as one, they are still counted.
  if (text.size() > kLongestSubject) text.resize(kLongestSubject);
  return text;
}

}  // namespace

void Throttle::Count::add(const Event& event) {
  const uint64_t begin = event.first_time != 0 ? event.first_time : event.time;
  first = count == 0 ? begin : std::min(first, begin);
  last = std::max(last, event.time);
  count += event.count;
}

void Throttle::tell(Window& window, std::vector<Event>& out) const {
  for (Known& known : window.known) {
    if (known.more.count == 0) continue;
    Event event = std::move(*known.sample);
    event.count = known.more.count;
    event.first_time = known.more.first;
    event.time = known.more.last;
    out.push_back(std::move(event));
  }
  if (window.beyond.count > 0) {
    Event event;
    event.kind = EventKind::kSupervisor;
    event.rule = "events-throttled";
    event.container = window.container;
    event.severity = window.severity;
    event.count = window.beyond.count;
    event.first_time = window.beyond.first;
    event.time = window.beyond.last;
    event.message =
        fmt::format("{} more events of {} were only counted: more than {} different in {} s",
                    window.beyond.count, window.rule.empty() ? "several rules" : window.rule,
                    settings_.burst, settings_.window);
    out.push_back(std::move(event));
  }
  window.known.clear();
  window.beyond = {};
  window.severity = Severity::kInformational;
}

Throttle::Window& Throttle::window_of(const Event& event, uint64_t now, std::vector<Event>& out) {
  const auto begin = [&](Window& window) -> Window& {
    if (now < window.ends) return window;
    tell(window, out);
    window.ends = now + settings_.window * kSecond;
    return window;
  };
  for (Window& window : windows_)
    if (window.container == event.container && window.rule == event.rule) return begin(window);
  const auto over = std::find_if(windows_.begin(), windows_.end(),
                                 [&](const Window& window) { return now >= window.ends; });
  if (over == windows_.end() && windows_.size() == kMostWindows) return begin(shared_);
  Window& window = over == windows_.end() ? windows_.emplace_back() : *over;
  begin(window);
  window.container = event.container;
  window.rule = event.rule;
  return window;
}

void Throttle::add(Event event, uint64_t now, std::vector<Event>& out) {
  Window& window = window_of(event, now, out);
  std::string subject = subject_of(event);
  if (&window == &shared_) subject = event.container + '\n' + event.rule + '\n' + subject;
  for (Known& known : window.known) {
    if (known.subject != subject) continue;
    known.more.add(event);
    // The gravest of them stands for all.
    if (!known.sample || known.sample->severity < event.severity) known.sample = std::move(event);
    return;
  }
  if (window.known.size() < settings_.burst) {
    window.known.push_back({std::move(subject), {}, {}});
    out.push_back(std::move(event));
    return;
  }
  window.severity = std::max(window.severity, event.severity);
  window.beyond.add(event);
}

void Throttle::collect(uint64_t now, std::vector<Event>& out) {
  for (Window& window : windows_)
    if (now >= window.ends) tell(window, out);
  std::erase_if(windows_, [&](const Window& window) { return now >= window.ends; });
  if (now >= shared_.ends) tell(shared_, out);
}

void Throttle::finish(std::vector<Event>& out) {
  for (Window& window : windows_) tell(window, out);
  windows_.clear();
  tell(shared_, out);
}

std::optional<uint64_t> Throttle::next() const {
  std::optional<uint64_t> next;
  const auto look = [&](const Window& window) {
    const bool counted =
        window.beyond.count > 0 || std::any_of(window.known.begin(), window.known.end(),
                                               [](const Known& k) { return k.more.count > 0; });
    if (counted && (!next || window.ends < *next)) next = window.ends;
  };
  for (const Window& window : windows_) look(window);
  look(shared_);
  return next;
}

}  // namespace holdfast
