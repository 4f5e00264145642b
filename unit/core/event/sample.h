// Events for tests.
#pragma once

#include "core/event/event.h"

namespace holdfast {

inline Event sample_exec() {
  Event e;
  e.time = 1'763'789'421'123'456'789;
  e.container = "web-7f9c";
  e.profile = "web";
  e.plan_digest = "9c1e";
  e.kind = EventKind::kExec;
  e.rule = "drift-exec";
  e.severity = Severity::kHigh;
  e.disposition = Disposition::kBlocked;
  e.response = Response::kDeny;
  e.message = "it was written after the start";
  e.fix = "rebuild the image";
  e.attack = {"T1059", "T1105"};
  e.processes = {{18, 4711, 33, "/bin/sh", {"sh", "-c", "/tmp/.x"}},
                 {1, 4000, 0, "/usr/sbin/nginx", {"nginx", "-g", "daemon off;"}}};
  e.injected = true;
  e.file = FileRef{"/tmp/.x", std::string(64, 'a'), ""};
  return e;
}

inline Event sample_network() {
  Event e = sample_exec();
  e.kind = EventKind::kNetwork;
  e.rule = "egress";
  e.file.reset();
  e.connection = ConnectionRef{true, "tcp", "169.254.169.254", 80};
  e.count = 40;
  e.first_time = e.time - 5'000'000'000;
  return e;
}

inline Event sample_file() {
  Event e = sample_exec();
  e.kind = EventKind::kFile;
  e.rule = "watched-file";
  e.disposition = Disposition::kDetected;
  e.file = FileRef{"/etc/passwd", std::string(64, 'b'), std::string(64, 'c')};
  return e;
}

inline Event sample_syscall() {
  Event e = sample_exec();
  e.kind = EventKind::kSyscall;
  e.rule = "notify";
  e.file.reset();
  e.syscall = SyscallRef{"mount", "\"none\", \"/mnt\", \"tmpfs\", 0, NULL"};
  return e;
}

inline Event sample_response() {
  Event e = sample_network();
  e.kind = EventKind::kResponse;
  e.rule = "respond";
  e.response = Response::kFreeze;
  e.disposition = Disposition::kFailed;
  return e;
}

inline Event sample_lifecycle() {
  Event e;
  e.time = 1;
  e.container = "c1";
  e.rule = "container-created";
  e.disposition = Disposition::kAllowed;
  return e;
}

inline std::vector<Event> samples() {
  Event supervisor = sample_lifecycle();
  supervisor.kind = EventKind::kSupervisor;
  return {sample_exec(),     sample_network(),   sample_file(), sample_syscall(),
          sample_response(), sample_lifecycle(), supervisor};
}

}  // namespace holdfast
