// Event: one thing that was seen of a container and what became of it; what the supervisor records,
// sends on and responds to.
//
//   Event e{.kind = EventKind::kExec, .rule = "drift-exec", .severity = Severity::kHigh, ...};
//   encode_ocsf(e), encode_falco(e)      core/event/formats.h
//
// Plain data without secrets: no environment, no contents of files; arguments of programs are cut.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/plan/supervision.h"

namespace holdfast {

enum class EventKind : uint8_t {
  kLifecycle,  // created, started, execed, ended, refused          OCSF 6002 Application Lifecycle
  kExec,       // a program                                         OCSF 1007 Process Activity
  kFile,       // a watched file                                    OCSF 1001 File System Activity
  kNetwork,    // a connection or a socket                          OCSF 4001 Network Activity
  kSyscall,    // a system call that was denied or asked about      OCSF 2004 Detection Finding
  kResponse,   // what was done about others, and its effect        OCSF 7001 Remediation Activity
  kSupervisor  // the watching itself: lost, adopted, events lost   OCSF 6002 Application Lifecycle
};

enum class Disposition : uint8_t {
  kAllowed,
  kBlocked,   // no effect
  kDetected,  // had its effect
  kFailed     // a response that did not take effect
};

// A process, as it was when the event happened. {pid, started} stays its own when pids are used again.
struct ProcessRef {
  int32_t pid = 0;       // on the host
  uint64_t started = 0;  // field 22 of /proc/PID/stat: clock ticks since boot
  uint32_t uid = 0;
  std::string exe;                // within the container
  std::vector<std::string> args;  // cut
};

struct FileRef {
  std::string path;  // within the container
  std::string sha256, former_sha256;
};

struct ConnectionRef {
  bool outbound = true;
  std::string protocol;  // "tcp", "udp", "raw"
  std::string address;
  uint16_t port = 0;
};

struct SyscallRef {
  std::string name, arguments;  // decoded
};

struct Event {
  uint64_t time = 0;      // nanoseconds since 1970
  std::string container;  // id
  std::string profile, plan_digest;
  EventKind kind = EventKind::kLifecycle;
  std::string rule;  // "drift-exec"
  Severity severity = Severity::kInformational;
  Disposition disposition = Disposition::kDetected;
  Response response = Response::kAlert;
  std::string message;              // one sentence
  std::string fix;                  // what to change if this was meant to be allowed
  std::vector<std::string> attack;  // MITRE ATT&CK techniques: "T1059"

  std::vector<ProcessRef> processes;  // the acting one, then its parents
  bool injected = false;  // descends from an exec into the container, not from its first process
  std::optional<FileRef> file;
  std::optional<ConnectionRef> connection;
  std::optional<SyscallRef> syscall;

  // Of events that were told as one.
  uint64_t count = 1;
  uint64_t first_time = 0;
};

}  // namespace holdfast
