// The JSON form of the AuditSettings, as a policy's "audit" has it and as they are kept and handed on.
#pragma once

#include "core/event/audit_settings.h"
#include "core/event/names.h"

namespace holdfast {

inline constexpr json::Name<AuditRecord> kAuditRecords[] = {{"refusals", AuditRecord::kRefusals},
                                                            {"lifecycle", AuditRecord::kLifecycle}};
constexpr std::span<const json::Name<AuditRecord>> json_names(AuditRecord) { return kAuditRecords; }

inline constexpr json::Name<AuditSync> kAuditSyncs[] = {{"never", AuditSync::kNever},
                                                        {"important", AuditSync::kImportant},
                                                        {"always", AuditSync::kAlways}};
constexpr std::span<const json::Name<AuditSync>> json_names(AuditSync) { return kAuditSyncs; }

inline bool is_absolute_file(std::string_view path) {
  return path.starts_with('/') && !path.ends_with('/');
}

template <class V>
void describe(V& v, AuditRotation& r) {
  v.always("size", r.size);
  v.always("keep", r.keep);
  v.check(r.size >= 4096 && r.size <= uint64_t{1} << 40, "size", "expected 4096 bytes to 1 TiB");
  v.check(r.keep >= 1 && r.keep <= 1000, "keep", "expected 1 to 1000 files");
}

template <class V>
void describe(V& v, AuditThrottle& t) {
  v.always("burst", t.burst);
  v.always("window", t.window);
  v.check(t.burst >= 1 && t.burst <= 1000, "burst", "expected 1 to 1000 events");
  v.check(t.window >= 1 && t.window <= 3600, "window", "expected 1 to 3600 seconds");
}

template <class V>
void describe(V& v, AuditSinks& s) {
  v.field("journald", s.journald);
  v.field("syslog", s.syslog);
  v.field("falco", s.falco);
  v.field("prometheus", s.prometheus);
  v.check(s.falco.empty() || is_absolute_file(s.falco), "falco", "expected an absolute path");
  v.check(
      s.prometheus.empty() || (is_absolute_file(s.prometheus) && s.prometheus.ends_with(".prom")),
      "prometheus", "expected an absolute path that ends in .prom: the collector reads no other");
}

template <class V>
void describe(V& v, AuditSettings& a) {
  v.always("record", a.record);
  v.field("require", a.require);
  v.always("level", a.level);
  v.always("directory", a.directory);
  v.always("sync", a.sync);
  v.always("rotate", a.rotate);
  v.always("throttle", a.throttle);
  v.field("sinks", a.sinks);
  v.check(is_absolute_file(a.directory), "directory", "expected an absolute path");
}

}  // namespace holdfast
