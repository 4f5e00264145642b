// decode_ocsf: lines that encode_ocsf wrote. They lie in root's file, but what they tell came from
// containers, and the file may have been changed: nothing is taken for granted.
#include "core/base/text.h"
#include "core/event/formats.h"
#include "core/event/names.h"
#include "core/event/redact.h"
#include "core/json/document.h"

namespace holdfast {
namespace {

constexpr json::Limits kLimits = {.bytes = kMaxEventLine + 256, .depth = 48, .nodes = 4096};

std::string text_of(json::Value object, std::string_view name) {
  const json::Value value = object.find(name);
  return value.kind() == json::Kind::kString ? std::string(value.text()) : std::string();
}

// Absent is 0; anything but a number of T is an error.
template <class T>
Result<T> number_of(json::Value object, std::string_view name) {
  const json::Value value = object.find(name);
  if (!value.present()) return T{};
  const auto number =
      value.kind() == json::Kind::kNumber ? parse_number<T>(value.text()) : std::nullopt;
  if (!number) return error("{}: expected a number in range", name);
  return *number;
}

template <class E>
Result<E> enum_of(json::Value object, std::string_view name) {
  const std::string text = text_of(object, name);
  const auto value = named<E>(text);
  if (!value) return error("{}: unknown value {}", name, json::quoted(text, 64));
  return *value;
}

FileRef file_of(json::Value value) {
  FileRef file{text_of(value, "path"), {}, {}};
  for (const json::Value hash : value.find("hashes").children())
    if (text_of(hash, "algorithm") == "SHA-256") file.sha256 = text_of(hash, "value");
  return file;
}

Result<ConnectionRef> connection_of(json::Value holder) {
  ConnectionRef connection;
  const json::Value endpoint = holder.find("dst_endpoint");
  const json::Value info = holder.find("connection_info");
  connection.address = text_of(endpoint, "ip");
  HF_TRY(connection.port, number_of<uint16_t>(endpoint, "port"));
  HF_TRY(const uint32_t direction, number_of<uint32_t>(info, "direction_id"));
  connection.outbound = direction == 2;
  connection.protocol = text_of(info, "protocol_name");
  return connection;
}

Result<ProcessRef> process_of(json::Value value) {
  ProcessRef process;
  HF_TRY(process.pid, number_of<int32_t>(value, "pid"));
  const std::string uid = text_of(value, "uid");
  const size_t colon = uid.find(':');
  const auto started = colon == uid.npos
                           ? std::nullopt
                           : parse_number<uint64_t>(std::string_view(uid).substr(colon + 1));
  if (!started) return error("process: no start time");
  process.started = *started;
  const auto user = parse_number<uint32_t>(text_of(value.find("user"), "uid"));
  if (!user) return error("process: no user");
  process.uid = *user;
  process.exe = text_of(value.find("file"), "path");
  process.args = split_command_line(text_of(value, "cmd_line"));
  return process;
}

Result<Severity> severity_of(json::Value root) {
  HF_TRY(const uint32_t id, number_of<uint32_t>(root, "severity_id"));
  for (const auto& each : json_names(Severity{}))
    if (static_cast<uint32_t>(each.value) == id) return each.value;
  return error("severity_id: unknown value {}", id);
}

Result<Disposition> disposition_of(json::Value root) {
  HF_TRY(const uint32_t id, number_of<uint32_t>(root, "disposition_id"));
  switch (id) {
    case 1:
      return Disposition::kAllowed;
    case 2:
      return Disposition::kBlocked;
    case 13:
      return Disposition::kFailed;
    case 15:
      return Disposition::kDetected;
    default:
      return error("disposition_id: unknown value {}", id);
  }
}

Result<> read_objects(json::Value root, json::Value unmapped, Event& event) {
  for (json::Value process = root.find("actor").find("process"); process.present();
       process = process.find("parent_process")) {
    HF_TRY(event.processes.emplace_back(), process_of(process));
  }
  json::Value file = event.kind == EventKind::kExec   ? root.find("process").find("file")
                     : event.kind == EventKind::kFile ? root.find("file")
                                                      : unmapped.find("file");
  if (file.present()) {
    event.file = file_of(file);
    event.file->former_sha256 = text_of(unmapped, "former_sha256");
  }
  const json::Value holder = event.kind == EventKind::kNetwork ? root : unmapped.find("connection");
  if (holder.find("dst_endpoint").present()) {
    HF_TRY(event.connection, connection_of(holder));
  }
  if (const json::Value call = unmapped.find("syscall"); call.present())
    event.syscall = SyscallRef{text_of(call, "name"), text_of(call, "arguments")};
  for (const json::Value attack : root.find("attacks").children())
    event.attack.push_back(text_of(attack.find("technique"), "uid"));
  return {};
}

Result<RecordedEvent> decode(json::Value root) {
  RecordedEvent recorded;
  Event& event = recorded.event;
  const json::Value metadata = root.find("metadata");
  const json::Value unmapped = root.find("unmapped");
  if (text_of(metadata.find("product"), "name") != "holdfast") return error("not an event of ours");
  HF_TRY(recorded.sequence, number_of<uint64_t>(metadata, "sequence"));
  HF_TRY(event.kind, enum_of<EventKind>(unmapped, "kind"));
  HF_TRY(event.response, enum_of<Response>(unmapped, "response"));
  HF_TRY(event.severity, severity_of(root));
  HF_TRY(event.disposition, disposition_of(root));
  HF_TRY(event.time, number_of<uint64_t>(unmapped, "time_ns"));
  HF_TRY(event.first_time, number_of<uint64_t>(unmapped, "first_time_ns"));
  HF_TRY(event.count, number_of<uint64_t>(root, "count"));
  event.rule = text_of(metadata, "event_code");
  event.container = text_of(root.find("container"), "uid");
  event.profile = text_of(unmapped, "profile");
  event.plan_digest = text_of(unmapped, "plan_digest");
  event.message = text_of(root, "message");
  event.fix = text_of(unmapped, "fix");
  event.injected = unmapped.find("injected").truth();
  HF_DO(read_objects(root, unmapped, event));
  return recorded;
}

}  // namespace

Result<RecordedEvent> decode_ocsf(std::string_view line) {
  HF_TRY(const json::Document document, json::Document::parse(line, kLimits));
  return decode(document.root());
}

}  // namespace holdfast
