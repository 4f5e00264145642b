#include "core/event/formats.h"

#include "core/base/clock.h"
#include "core/event/names.h"
#include "core/event/redact.h"
#include "core/json/writer.h"

namespace holdfast {
namespace {

constexpr size_t kPath = 4096, kText = 2048, kName = 256;
constexpr size_t kActorArguments = 4096, kParentArguments = 512;
constexpr size_t kMostParents = 16, kMostAttacks = 16;

// Strings of the event are written through here only.
class EventWriter {
 public:
  explicit EventWriter(json::Writer& writer) : w(writer) {}

  void text(std::string_view name, std::string_view value, size_t limit) {
    w.key(name);
    w.string(clean(value, limit));
  }
  void text_if_any(std::string_view name, std::string_view value, size_t limit) {
    if (!value.empty()) text(name, value, limit);
  }
  template <class T>
  void number(std::string_view name, T value) {
    w.key(name);
    w.number(value);
  }
  void begin(std::string_view name) {
    w.key(name);
    w.begin_object();
  }
  void end() { w.end_object(); }

  json::Writer& w;
};

struct OcsfClass {
  uint32_t uid, category;
};

OcsfClass class_of(EventKind kind) {
  switch (kind) {
    case EventKind::kExec:
      return {1007, 1};
    case EventKind::kFile:
      return {1001, 1};
    case EventKind::kNetwork:
      return {4001, 4};
    case EventKind::kSyscall:
      return {2004, 2};
    case EventKind::kResponse:
      return {7001, 7};
    case EventKind::kLifecycle:
    case EventKind::kSupervisor:
      break;
  }
  return {6002, 6};
}

uint32_t lifecycle_activity(std::string_view rule) {
  if (rule == "container-created") return 1;                              // Install
  if (rule == "container-deleted") return 2;                              // Remove
  if (rule == "container-started" || rule == "container-exec") return 3;  // Start
  if (rule == "container-ended") return 4;                                // Stop
  return 99;                                                              // Other
}

uint32_t activity_of(const Event& e) {
  switch (e.kind) {
    case EventKind::kExec:
    case EventKind::kSyscall:
      return 1;  // Launch; Create
    case EventKind::kFile:
      // Update, or Delete where nothing is left to hash.
      return e.file && e.file->sha256.empty() && !e.file->former_sha256.empty() ? 4 : 3;
    case EventKind::kNetwork:
      if (e.disposition == Disposition::kBlocked) return 5;    // Refuse
      return e.connection && !e.connection->outbound ? 7 : 1;  // Listen; Open
    case EventKind::kResponse:
      if (e.response == Response::kFreeze || e.response == Response::kIsolate) return 1;  // Isolate
      return e.response == Response::kKillProcess || e.response == Response::kKillContainer
                 ? 2  // Evict
                 : 99;
    case EventKind::kLifecycle:
    case EventKind::kSupervisor:
      break;
  }
  return lifecycle_activity(e.rule);
}

struct Outcome {
  uint32_t action, disposition;
  std::string_view name;
};

Outcome outcome_of(Disposition disposition) {
  switch (disposition) {
    case Disposition::kAllowed:
      return {1, 1, "Allowed"};
    case Disposition::kBlocked:
      return {2, 2, "Blocked"};
    case Disposition::kDetected:
      return {3, 15, "Detected"};
    case Disposition::kFailed:
      break;
  }
  return {0, 13, "Uncorrected"};
}

std::string_view severity_caption(Severity severity) {
  constexpr std::string_view kCaptions[] = {"Unknown", "Informational", "Low",
                                            "Medium",  "High",          "Critical"};
  const auto at = static_cast<size_t>(severity);
  return at < std::size(kCaptions) ? kCaptions[at] : kCaptions[0];
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void product(EventWriter& w) {
  w.text("name", "holdfast", kName);
  w.text("vendor_name", "holdfast", kName);
  w.text("version", HOLDFAST_VERSION, kName);
}

void metadata(EventWriter& w, const Event& e, uint64_t sequence) {
  w.begin("metadata");
  w.number("sequence", sequence);
  w.text("version", "1.4.0", kName);
  w.begin("product");
  product(w);
  w.end();
  w.w.key("profiles");
  w.w.begin_array();
  w.w.string("container");
  w.w.string("security_control");
  w.w.end_array();
  w.text("event_code", e.rule, kName);
  w.end();
}

void hashes(EventWriter& w, const std::string& sha256) {
  if (sha256.empty()) return;
  w.w.key("hashes");
  w.w.begin_array();
  w.w.begin_object();
  w.number("algorithm_id", 3);
  w.text("algorithm", "SHA-256", kName);
  w.text("value", sha256, kName);
  w.end();
  w.w.end_array();
}

void file(EventWriter& w, std::string_view name, const FileRef& f) {
  w.begin(name);
  w.text("name", base_name(f.path), kPath);
  w.text("path", f.path, kPath);
  w.number("type_id", 1);
  hashes(w, f.sha256);
  w.end();
}

// The members of processes[at] and, nested, of its parents.
void process(EventWriter& w, const Event& e, size_t at) {
  const ProcessRef& p = e.processes[at];
  w.number("pid", p.pid);
  w.text("uid", fmt::format("{}:{}", p.pid, p.started), kName);
  w.begin("user");
  w.text("uid", fmt::format("{}", p.uid), kName);
  w.end();
  if (!p.exe.empty()) file(w, "file", {p.exe, {}, {}});
  if (!p.args.empty()) {
    w.w.key("cmd_line");
    w.w.string(command_line(p.args, at == 0 ? kActorArguments : kParentArguments));
  }
  if (at + 1 >= e.processes.size() || at >= kMostParents) return;
  w.begin("parent_process");
  process(w, e, at + 1);
  w.end();
}

void connection_info(EventWriter& w, const ConnectionRef& c) {
  w.begin("dst_endpoint");
  w.text("ip", c.address, kName);
  w.number("port", c.port);
  w.end();
  w.begin("connection_info");
  w.number("direction_id", c.outbound ? 2 : 1);
  w.text("protocol_name", c.protocol, kName);
  w.end();
}

void finding_info(EventWriter& w, const Event& e) {
  w.begin("finding_info");
  w.text("title", e.message.empty() ? e.rule : e.message, kText);
  w.text("uid", fmt::format("{}:{}:{}", e.container, e.rule, e.time), kName);
  w.begin("analytic");
  w.text("name", e.rule, kName);
  w.number("type_id", 1);
  w.text("type", "Rule", kName);
  w.end();
  w.end();
}

// What the class of the event requires.
void class_members(EventWriter& w, const Event& e) {
  switch (e.kind) {
    case EventKind::kExec:
      w.begin("process");
      if (!e.processes.empty()) w.number("pid", e.processes[0].pid);
      if (e.file) file(w, "file", *e.file);
      w.end();
      return;
    case EventKind::kFile:
      if (e.file) file(w, "file", *e.file);
      return;
    case EventKind::kNetwork:
      if (e.connection) connection_info(w, *e.connection);
      return;
    case EventKind::kSyscall:
      finding_info(w, e);
      return;
    case EventKind::kResponse:
      w.text("command_uid", enum_name(e.response), kName);
      w.number("status_id", e.disposition == Disposition::kFailed ? 2 : 1);
      return;
    case EventKind::kLifecycle:
    case EventKind::kSupervisor:
      w.begin("app");
      product(w);
      w.end();
  }
}

void attacks(EventWriter& w, const Event& e) {
  if (e.attack.empty()) return;
  w.w.key("attacks");
  w.w.begin_array();
  for (size_t i = 0; i < e.attack.size() && i < kMostAttacks; ++i) {
    w.w.begin_object();
    w.begin("technique");
    w.text("uid", e.attack[i], kName);
    w.end();
    w.end();
  }
  w.w.end_array();
}

// Everything of the event that has no other place; never empty.
void unmapped(EventWriter& w, const Event& e) {
  w.begin("unmapped");
  w.text("kind", enum_name(e.kind), kName);
  w.text("response", enum_name(e.response), kName);
  w.number("time_ns", e.time);
  if (e.first_time != 0) w.number("first_time_ns", e.first_time);
  w.text_if_any("profile", e.profile, kName);
  w.text_if_any("plan_digest", e.plan_digest, kName);
  w.text_if_any("fix", e.fix, kText);
  if (e.injected) {
    w.w.key("injected");
    w.w.boolean(true);
  }
  if (e.file && e.kind != EventKind::kExec && e.kind != EventKind::kFile) file(w, "file", *e.file);
  if (e.file) w.text_if_any("former_sha256", e.file->former_sha256, kName);
  if (e.connection && e.kind != EventKind::kNetwork) {
    w.begin("connection");
    connection_info(w, *e.connection);
    w.end();
  }
  if (e.syscall) {
    w.begin("syscall");
    w.text("name", e.syscall->name, kName);
    w.text("arguments", e.syscall->arguments, kText);
    w.end();
  }
  w.end();
}

std::string_view falco_priority(Severity severity) {
  switch (severity) {
    case Severity::kLow:
      return "Notice";
    case Severity::kMedium:
      return "Warning";
    case Severity::kHigh:
      return "Error";
    case Severity::kCritical:
      return "Critical";
    case Severity::kInformational:
      break;
  }
  return "Informational";
}

timespec time_of(uint64_t nanoseconds) {
  return {static_cast<time_t>(nanoseconds / 1'000'000'000),
          static_cast<long>(nanoseconds % 1'000'000'000)};
}

void output_fields(EventWriter& w, const Event& e) {
  w.begin("output_fields");
  w.number("evt.time", e.time);
  w.text("container.id", e.container, kName);
  if (!e.processes.empty()) {
    const ProcessRef& p = e.processes[0];
    w.number("proc.pid", p.pid);
    w.text("proc.name", base_name(p.exe), kName);
    w.text("proc.exepath", p.exe, kPath);
    w.text("proc.cmdline", command_line(p.args, kActorArguments), kMaxEventLine);
    w.number("user.uid", p.uid);
  }
  if (e.processes.size() > 1) {
    w.number("proc.ppid", e.processes[1].pid);
    w.text("proc.pexepath", e.processes[1].exe, kPath);
  }
  if (e.file) w.text("fd.name", e.file->path, kPath);
  if (e.file) w.text_if_any("holdfast.sha256", e.file->sha256, kName);
  if (e.file) w.text_if_any("holdfast.former_sha256", e.file->former_sha256, kName);
  if (e.connection) {
    if (!e.file)
      w.text("fd.name", fmt::format("{}:{}", e.connection->address, e.connection->port), kName);
    w.text("fd.l4proto", e.connection->protocol, kName);
    w.text("fd.sip", e.connection->address, kName);
    w.number("fd.sport", e.connection->port);
  }
  if (e.syscall) {
    w.text("evt.type", e.syscall->name, kName);
    w.text("evt.args", e.syscall->arguments, kText);
  }
  w.text("holdfast.disposition", enum_name(e.disposition), kName);
  w.text("holdfast.response", enum_name(e.response), kName);
  w.text_if_any("holdfast.profile", e.profile, kName);
  w.text_if_any("holdfast.fix", e.fix, kText);
  if (e.count > 1) w.number("holdfast.count", e.count);
  w.end();
}

}  // namespace

std::string encode_ocsf(const Event& e, uint64_t sequence) {
  json::Writer writer(json::Layout::kCompact);
  EventWriter w(writer);
  const OcsfClass ocsf = class_of(e.kind);
  const uint32_t activity = activity_of(e);
  const Outcome outcome = outcome_of(e.disposition);
  writer.begin_object();
  metadata(w, e, sequence);
  w.number("time", e.time / 1'000'000);
  w.number("class_uid", ocsf.uid);
  w.number("category_uid", ocsf.category);
  w.number("activity_id", activity);
  w.number("type_uid", ocsf.uid * 100 + activity);
  w.number("severity_id", static_cast<unsigned>(e.severity));
  w.text("severity", severity_caption(e.severity), kName);
  w.number("action_id", outcome.action);
  w.number("disposition_id", outcome.disposition);
  w.text("disposition", outcome.name, kName);
  w.text_if_any("message", e.message, kText);
  w.number("count", e.count);
  if (e.first_time != 0) {
    w.number("start_time", e.first_time / 1'000'000);
    w.number("end_time", e.time / 1'000'000);
  }
  w.begin("container");
  w.text("uid", e.container, kName);
  w.text("runtime", "holdfast", kName);
  w.end();
  if (!e.processes.empty()) {
    w.begin("actor");
    w.begin("process");
    process(w, e, 0);
    w.end();
    w.end();
  }
  class_members(w, e);
  attacks(w, e);
  unmapped(w, e);
  writer.end_object();
  return std::move(writer).take();
}

std::string encode_falco(const Event& e) {
  json::Writer writer(json::Layout::kCompact);
  EventWriter w(writer);
  const std::string time = rfc3339_nano(time_of(e.time));
  const std::string_view priority = falco_priority(e.severity);
  writer.begin_object();
  w.text("time", time, kName);
  w.text("rule", e.rule, kName);
  w.text("priority", priority, kName);
  w.text("source", "holdfast", kName);
  w.text("output", fmt::format("{}: {} {}", time, priority, event_text(e)), 3 * kPath);
  output_fields(w, e);
  writer.key("tags");
  writer.begin_array();
  writer.string("container");
  writer.string(enum_name(e.kind));
  for (size_t i = 0; i < e.attack.size() && i < kMostAttacks; ++i)
    writer.string(clean(e.attack[i], kName));
  writer.end_array();
  writer.end_object();
  return std::move(writer).take();
}

std::string event_text(const Event& e) {
  std::string text = fmt::format("{}: {}", e.rule, enum_name(e.disposition));
  if (e.file) text += " " + clean(e.file->path, kPath);
  if (e.connection)
    text += fmt::format(" {} {} {}:{}", e.connection->outbound ? "to" : "at",
                        e.connection->protocol, e.connection->address, e.connection->port);
  if (e.syscall) text += " " + e.syscall->name;
  if (!e.processes.empty())
    text += fmt::format(" by pid {} {}", e.processes[0].pid, clean(e.processes[0].exe, kPath));
  if (!e.container.empty()) text += " in " + e.container;
  if (!e.message.empty()) text += ": " + clean(e.message, kText);
  if (e.count > 1) text += fmt::format(" ({} times)", e.count);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return clean(text, 3 * kPath);
}

}  // namespace holdfast
