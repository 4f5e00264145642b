// Profile: what containers under it may have, one member per control, as plain data.
//
//   const Profile& p = *shipped_profile("restricted");
//   p.privileged == Access::kDeny;  p.capabilities.allow.has(Capability::kNetBindService)
//
// A profile that extends another is flattened when it is read: nobody who decides has to look further
// than into these members. "observe" gives everything and is what every other narrows in the end.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json/set.h"
#include "core/plan/supervision.h"
#include "profiles/policy/network_rules.h"
#include "profiles/policy/quantity.h"

namespace holdfast {

// A protection of ours. Stricter is greater.
enum class Requirement : uint8_t {
  kOff,     // as the engine asks
  kAuto,    // applied where the host can, told where it cannot
  kRequire  // no container starts where the host cannot
};

// Something that a container asks for. Stricter is greater.
enum class Access : uint8_t {
  kAllow,  // given
  kWarn,   // given and reported
  kDeny    // refused
};

// Bit N is capability N of linux/capability.h.
enum class Capability : uint8_t {};
using CapabilitySet = json::Set<Capability>;

using Paths = std::vector<std::string>;

// Which of the host's namespaces a container may share.
struct HostNamespaces {
  Access pid = Access::kAllow, network = Access::kAllow, ipc = Access::kAllow, uts = Access::kAllow,
         mount = Access::kAllow;
  bool operator==(const HostNamespaces&) const = default;
};

// What engines give unasked is dropped where it is not in `allow`; whatever else is asked for and stands
// in neither is refused.
struct CapabilityRules {
  CapabilitySet allow;
  // Given to who asks by name, and reported: NET_ADMIN only with a network namespace and SYS_PTRACE only
  // with a pid namespace of the container's own.
  CapabilitySet on_request;
  bool operator==(const CapabilityRules&) const = default;
};

struct SeccompRules {
  // A denylist beneath the engine's filter, an allowlist where it gives none.
  Requirement filter = Requirement::kOff;
  // System calls and @sets that are denied beyond what every filter of ours denies.
  std::vector<std::string> remove;
  bool operator==(const SeccompRules&) const = default;
};

// A Landlock domain over the container's processes (landlock.h). Beneath `writable` files may be changed,
// from beneath `executable` programs may be executed; absent: as the root and its mounts allow. The ports
// are the only ones that may be bound and reached; absent: all.
struct LandlockRules {
  Requirement mode = Requirement::kOff;
  std::optional<Paths> writable{}, executable{};
  std::optional<std::vector<uint16_t>> bind_tcp{}, connect_tcp{};
  bool operator==(const LandlockRules&) const = default;
};

struct RootfsRules {
  bool read_only = false;  // mounted read-only whatever the engine asks
  Paths writable;          // made writable in it by a tmpfs each
  bool operator==(const RootfsRules&) const = default;
};

// `fallback` ("default") where the engine sets none; `max` is the most it may set. An amount beyond is
// lowered to the max, "unlimited" to the default.
struct Limit {
  std::optional<Quantity> fallback{}, max{};
  bool operator==(const Limit&) const = default;
};
struct CpuLimit {
  std::optional<Cpus> fallback{}, max{};
  bool operator==(const CpuLimit&) const = default;
};

struct Limits {
  bool require = false;  // no container starts whose limits the host cannot hold
  Limit memory{};        // bytes
  Limit swap{};          // bytes of swap alone, without memory
  CpuLimit cpu{};        // CPUs: quota / period
  Limit pids{};          // tasks
  Limit io_weight{};     // 10 to 1000
  Limit tmpfs{};         // bytes of each tmpfs
  std::map<std::string, Limit> hugepages{};  // by page size: "2MB"
  bool operator==(const Limits&) const = default;
};

struct DeviceRules {
  Paths allow;  // of these nodes
  Access others = Access::kAllow;
  Access wide_rules = Access::kAllow;  // device cgroup rules that cover every device
  bool operator==(const DeviceRules&) const = default;
};

enum class MountFlag : uint8_t { kNosuid, kNodev, kNoexec, kNosymfollow };
using MountFlags = json::Set<MountFlag>;

struct MountRules {
  Access engine_state = Access::kAllow;  // sockets and state of engines, and what lies above them
  Access layers = Access::kAllow;        // contents of image layers and build caches
  Access system = Access::kAllow;        // directories of the host's system
  Access shared = Access::kAllow;        // propagation to the host
  Paths deny;                            // further sources: these, what is in them and above them
  // Flags that every mount of a class gets: binds, tmpfs, and the kernel's own (proc, sysfs, cgroup,
  // mqueue, devpts).
  MountFlags force_bind, force_tmpfs, force_kernel;
  bool operator==(const MountRules&) const = default;
};

struct HookRule {
  std::string path;
  std::string sha256;  // hex; empty: any content
  bool operator==(const HookRule&) const = default;
};

struct HookRules {
  // The program is root's, nobody else can write to it or to what leads there, and it lies outside of
  // the container's mounts; looked at when it is run.
  bool trusted = false;
  std::optional<std::vector<HookRule>> allow;  // absent: any
  std::optional<Seconds> timeout;              // at most
  bool operator==(const HookRules&) const = default;
};

// What is executed in the container, watched from outside of it (docs/supervision.md). All absent: not
// watched.
struct ProgramControl {
  std::optional<std::vector<ProgramRule>> programs{};  // the only ones; absent: any
  std::optional<Response> drift{};      // a file that was made or changed after the start
  std::optional<Response> otherwise{};  // one that is not among `programs`; absent: kDeny
  bool libraries = false;               // drifted code is not opened either
  bool require = false;                 // no container starts where it cannot be watched
  bool operator==(const ProgramControl&) const = default;
};

// What is done about any event that is at least this grave.
struct RespondRule {
  Severity at = Severity::kCritical;
  Response action = Response::kAlert;
  std::optional<Seconds> release_after{};  // undone after; absent: until somebody does it
  bool operator==(const RespondRule&) const = default;
};

// exec into a running container, beyond what its plan allows anyway; and what is executed in there.
struct ExecRules {
  Access access = Access::kAllow;    // at all
  Access root = Access::kAllow;      // as uid 0 where the container itself runs as another
  Access terminal = Access::kAllow;  // with a terminal
  CapabilitySet capabilities;        // at most these
  ProgramControl control{};
  bool operator==(const ExecRules&) const = default;
};

enum class NetworkRecord : uint8_t { kRefused, kAll };

// What the container reaches and who reaches it, held outside of it (docs/supervision.md). By default not
// at all.
struct NetworkControl {
  std::optional<std::vector<EgressRule>> egress{};    // the only peers; absent: any
  std::optional<std::vector<IngressRule>> ingress{};  // the only own ports; absent: any
  bool raw_sockets = true;                            // and of protocols that no rule can name
  NetworkRecord record = NetworkRecord::kRefused;     // kAll: the first of what is allowed, too
  std::optional<Response> on_violation{};             // absent: kDeny
  bool require = false;                               // no container starts where it cannot be held

  bool active() const { return egress || ingress || !raw_sockets || record == NetworkRecord::kAll; }
  Response response() const { return on_violation.value_or(Response::kDeny); }
  bool operator==(const NetworkControl&) const = default;
};

struct Profile {
  std::string name, extends;
  std::string source;  // its file; empty: shipped

  Access privileged = Access::kAllow;
  HostNamespaces host_namespaces;
  Access root_user = Access::kAllow;  // uid 0 without a user namespace
  CapabilityRules capabilities;
  Requirement no_new_privileges = Requirement::kOff;
  SeccompRules seccomp;
  Requirement user_namespace = Requirement::kOff;
  LandlockRules landlock;
  Requirement mdwe =
      Requirement::kOff;  // prctl(PR_SET_MDWE): no memory both writable and executable
  Requirement app_armor = Requirement::kOff;
  Requirement se_linux = Requirement::kOff;
  RootfsRules rootfs;
  Paths masked_paths, readonly_paths;  // beside those that the engine asks for
  Limits limits;
  std::map<std::string, Limit> rlimits;  // by name: "RLIMIT_NOFILE"
  std::vector<std::string> sysctl;       // allowed; a trailing "*" stands for any end
  DeviceRules devices;
  MountRules mounts;
  HookRules hooks;
  ExecRules exec;
  NetworkControl network;
  std::vector<RespondRule> respond;
  Response on_supervisor_loss = Response::kFreeze;  // or kKillContainer
};

// "baseline", "restricted", "observe"; nullptr: none is shipped under this name.
const Profile* shipped_profile(std::string_view name);
// Their names, from the tightest to the widest.
std::vector<std::string_view> shipped_profile_names();

constexpr CapabilitySet every_capability() { return {~uint64_t{0}}; }

}  // namespace holdfast
