// SupervisionPlan: what of a running container is watched and decided, and what is done about it; the
// part of the Plan that the supervisor works from (sandbox/supervise).
//
//   if (plan.supervision) start_supervisor(...);   // absent: nothing to watch, no process
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

// How grave an event is; the numbers are OCSF's severity_id.
enum class Severity : uint8_t { kInformational = 1, kLow, kMedium, kHigh, kCritical };

// What is done about an event, from the mildest. Each contains kAlert.
enum class Response : uint8_t {
  kAlert,         // told, nothing else
  kDeny,          // this one action fails
  kFreeze,        // all processes stop until `holdfastctl release`
  kIsolate,       // no network any more until `holdfastctl release`
  kKillProcess,   // the process that acted
  kKillContainer  // all of them
};

// Where the kernel enforces or shows it; stronger first.
enum class Mechanism : uint8_t {
  kBpfLsm,    // prevented in the kernel
  kFanotify,  // prevented by the supervisor, before the file is opened
  kCgroupBpf,
  kNftables,
  kTracing  // seen afterwards, the process is killed: detection, not prevention
};

// A program that may be executed; an absent member does not matter. Written "image" or "/usr/bin/*"
// where nothing else is said.
struct ProgramRule {
  bool image = false;  // what was in the root when the container started, unchanged since
  std::string path{};  // absolute, within the container; a trailing "*" stands for any end
  std::string sha256{};  // of its contents, hex
  std::string parent{};  // the program that executes it, as `path`
  bool operator==(const ProgramRule&) const = default;
};

// Which programs are executed.
struct ExecControlPlan {
  Mechanism mechanism = Mechanism::kFanotify;
  bool libraries = false;  // also drifted files that could be mapped as code, when they are opened
  std::optional<std::vector<ProgramRule>> allow;  // absent: all that did not drift
  // What is done about a file that was made or changed after the start, and about one not allowed.
  std::optional<Response> drift, other;
};

struct IntegrityPlan {
  Mechanism mechanism = Mechanism::kFanotify;
  std::vector<std::string>
      watch;             // absolute, within the container: files, or all beneath a directory
  std::string manifest;  // on the host: "SHA256  PATH" lines; empty: as found at the start
  Response on_violation = Response::kAlert;
};

// Port 0 to 65535 by default: any.
struct PortRange {
  uint16_t first = 0, last = 65535;
  bool operator==(const PortRange&) const = default;
};
enum class Protocol : uint8_t { kAny, kTcp, kUdp };

struct NetworkRule {
  std::string cidr{};  // "10.0.0.0/8", "fd00::/8"; empty: any address
  Protocol protocol = Protocol::kAny;
  PortRange ports{};
  bool operator==(const NetworkRule&) const = default;
};

// Connections from the container (egress) and sockets that it binds (ingress); absent: all, empty: none.
struct NetworkPlan {
  Mechanism mechanism = Mechanism::kCgroupBpf;
  std::optional<std::vector<NetworkRule>> egress{}, ingress{};
  bool raw_sockets = false;     // raw and packet sockets may be opened
  bool own_loopback = false;    // 127.0.0.0/8 and ::1 are the container's own: always within reach
  bool record_allowed = false;  // the first of each allowed connection, too
  Response on_violation = Response::kDeny;
};

// One rare system call that the supervisor answers; by its registers alone.
struct NotifyRule {
  std::string call;                    // "mount"
  Response answer = Response::kAlert;  // kAlert: goes on, told
};

// What is done about any event that is at least this grave, beyond what its own rule says.
struct ResponseRule {
  Severity at = Severity::kCritical;
  Response action = Response::kAlert;
  uint32_t release_after = 0;  // seconds; 0: until somebody releases it
};

struct SupervisionPlan {
  std::optional<ExecControlPlan> exec;
  std::optional<IntegrityPlan> integrity;
  std::optional<NetworkPlan> network;
  std::vector<NotifyRule> notify;
  std::vector<ResponseRule> respond;
  Response on_loss = Response::kFreeze;  // of the supervisor: kFreeze or kKillContainer
};

}  // namespace holdfast
