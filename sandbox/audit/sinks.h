// Sinks: where events go beside the audit log: the journal, syslog, a file for Falco's consumers, one for
// Prometheus.
//
//   Sinks sinks(settings.sinks, settings.rotate);
//   sinks.add(event);
//   sinks.flush();       // Prometheus's file is written at most every five seconds
//
// A sink never fails an operation and is never waited for: what it does not take is counted
// (holdfast_audit_sink_failures_total). The caller holds the audit log's lock: the files are shared.
#pragma once

#include <string>

#include "core/base/fd.h"
#include "core/event/audit_settings.h"
#include "sandbox/audit/metrics.h"

namespace holdfast {

class Sinks {
 public:
  Sinks(AuditSinks settings, AuditRotation rotation)
      : settings_(std::move(settings)), rotation_(rotation) {}

  // Opens what is to be open before the process confines itself.
  void open();
  void add(const Event& event);
  void add_lost(uint64_t events);
  void flush();
  // Writes the counters if they have waited long enough.
  void settle();

 private:
  Result<> send(const char* socket, std::string_view datagram);
  Result<> append_falco(const Event& event);
  Result<> open_falco();
  Result<> write_metrics();
  void judge(std::string_view sink, const Result<>& done);

  AuditSinks settings_;
  AuditRotation rotation_;
  Fd socket_, falco_;
  DirFd metrics_directory_;
  Metrics metrics_;
  time_t metrics_written_ = 0;
};

}  // namespace holdfast
