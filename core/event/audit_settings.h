// AuditSettings: what is recorded of this node's containers, where, and how surely.
//
//   AuditSettings settings;              // refusals and loosenings, in /var/log/holdfast
//   settings.record = AuditRecord::kLifecycle;
//
// Plain data: the section "audit" of the node's policy, handed on to the supervisor as it is.
#pragma once

#include <cstdint>
#include <string>

#include "core/event/event.h"

namespace holdfast {

// What the runtime itself records; each contains the former.
enum class AuditRecord : uint8_t {
  kRefusals,  // what the policy refused, exceptions that loosened
  kLifecycle  // and containers made, started, ended; processes executed into them
};

// When the log is forced to the disk.
enum class AuditSync : uint8_t {
  kNever,
  kImportant,  // after a batch with an event of severity high or above
  kAlways
};

struct AuditRotation {
  uint64_t size = 64 << 20;  // bytes at which a new file begins
  uint32_t keep = 8;         // older files that stay
};

// Of each rule, per container: so many different events are written within a window; the others are
// counted and told at its end.
struct AuditThrottle {
  uint32_t burst = 16;
  uint32_t window = 10;  // seconds
};

struct AuditSinks {
  bool journald = false, syslog = false;
  std::string falco;       // a file of Falco's JSON lines
  std::string prometheus;  // a file for node_exporter's textfile collector: ends in ".prom"
};

struct AuditSettings {
  std::string directory = "/var/log/holdfast";
  AuditRecord record = AuditRecord::kRefusals;
  bool require = false;                       // what cannot be recorded is not done
  Severity level = Severity::kInformational;  // the least grave that is recorded
  AuditSync sync = AuditSync::kImportant;
  AuditRotation rotate;
  AuditThrottle throttle;
  AuditSinks sinks;
};

}  // namespace holdfast
