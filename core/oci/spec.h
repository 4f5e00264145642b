// The OCI runtime-spec 1.3 config.json as plain structs.
// Names follow the specification; docs: github.com/opencontainers/runtime-spec (config.md,
// config-linux.md).
//
//   HF_TRY(oci::Spec spec, oci::decode_spec(text));       // errors carry the path of the field
//   HF_TRY(oci::Process p, oci::decode_process(text));    // exec's process.json
//
// Sizes are bytes unless the specification says otherwise; absent numbers are nullopt.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/json/writer.h"

namespace holdfast::oci {

using Strings = std::vector<std::string>;
using StringMap = std::map<std::string, std::string>;

struct ConsoleSize {
  uint32_t height = 0;
  uint32_t width = 0;
};

struct User {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::optional<uint32_t> umask;
  std::vector<uint32_t> additional_gids;
};

// Capability names as written ("CAP_KILL"); unknown names are kept, resolve() reports them.
struct Capabilities {
  Strings bounding, effective, inheritable, permitted, ambient;
};

struct Rlimit {
  std::string type;  // "RLIMIT_NOFILE"
  uint64_t soft = 0;
  uint64_t hard = 0;
};

enum class SchedulerPolicy { kOther, kFifo, kRr, kBatch, kIso, kIdle, kDeadline };
struct Scheduler {
  SchedulerPolicy policy = SchedulerPolicy::kOther;
  int32_t nice = 0;
  int32_t priority = 0;
  Strings flags;  // "SCHED_FLAG_RESET_ON_FORK", ...: decoded to names, checked by the decoder
  uint64_t runtime = 0, deadline = 0, period = 0;  // nanoseconds
};

enum class IoPriorityClass { kRealtime, kBestEffort, kIdle };
struct IoPriority {
  IoPriorityClass io_class = IoPriorityClass::kBestEffort;
  int32_t priority = 0;
};

struct ExecCpuAffinity {
  std::string initial, final;  // cpu lists, "0-3,7"
};

struct Process {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;
  User user;
  Strings args;
  Strings env;
  std::string cwd;
  std::optional<Capabilities> capabilities;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::string apparmor_profile;
  std::optional<int32_t> oom_score_adj;
  std::optional<Scheduler> scheduler;
  std::string selinux_label;
  std::optional<IoPriority> io_priority;
  std::optional<ExecCpuAffinity> exec_cpu_affinity;
};

struct Root {
  std::string path;
  bool readonly = false;
};

struct IdMapping {
  uint32_t container_id = 0;
  uint32_t host_id = 0;
  uint32_t size = 0;
};

struct Mount {
  std::string destination;
  std::string type;
  std::string source;
  Strings options;
  std::vector<IdMapping> uid_mappings, gid_mappings;
};

struct Hook {
  std::string path;
  Strings args;
  Strings env;
  std::optional<int32_t> timeout;  // seconds, > 0
  // The policy's, whatever a config.json says: the program must be root's and nobody else's to write to,
  // and have this content (sha256 in hex; empty: any). Looked at when it is run.
  bool trusted = false;
  std::string sha256{};
};

struct Hooks {
  std::vector<Hook> prestart, create_runtime, create_container, start_container, poststart,
      poststop;
};

enum class NamespaceType { kPid, kNetwork, kMount, kIpc, kUts, kUser, kCgroup, kTime };
struct Namespace {
  NamespaceType type = NamespaceType::kPid;
  std::string path;  // empty: a new one
};

struct TimeOffset {
  int64_t secs = 0;
  uint32_t nanosecs = 0;
};
struct TimeOffsets {
  std::optional<TimeOffset> monotonic, boottime;
};

struct Device {
  std::string path;
  std::string type;  // "c", "b", "u", "p"
  std::optional<int64_t> major, minor;
  std::optional<uint32_t> file_mode;
  std::optional<uint32_t> uid, gid;
};

struct NetDevice {
  std::string name;  // its name in the container; empty: unchanged
};

struct DeviceRule {
  bool allow = false;
  std::string type;  // "a", "c", "b"; empty means "a"
  std::optional<int64_t> major, minor;
  std::string access;  // of "rwm"
};

struct MemoryResources {
  std::optional<int64_t> limit, reservation, swap, kernel, kernel_tcp;
  std::optional<uint64_t> swappiness;
  std::optional<bool> disable_oom_killer, use_hierarchy, check_before_update;
};

struct CpuResources {
  std::optional<uint64_t> shares, period, realtime_period, burst;
  std::optional<int64_t> quota, realtime_runtime, idle;
  std::string cpus, mems;
};

struct PidsResources {
  std::optional<int64_t> limit;
};

struct WeightDevice {
  int64_t major = 0, minor = 0;
  std::optional<uint16_t> weight, leaf_weight;
};
struct ThrottleDevice {
  int64_t major = 0, minor = 0;
  uint64_t rate = 0;
};
struct BlockIoResources {
  std::optional<uint16_t> weight, leaf_weight;
  std::vector<WeightDevice> weight_device;
  std::vector<ThrottleDevice> throttle_read_bps, throttle_write_bps, throttle_read_iops,
      throttle_write_iops;
};

struct HugepageLimit {
  std::string page_size;  // "2MB"
  uint64_t limit = 0;
};

struct InterfacePriority {
  std::string name;
  uint32_t priority = 0;
};
struct NetworkResources {
  std::optional<uint32_t> class_id;
  std::vector<InterfacePriority> priorities;
};

struct RdmaLimit {
  std::optional<uint32_t> hca_handles, hca_objects;
};

struct Resources {
  std::vector<DeviceRule> devices;
  std::optional<MemoryResources> memory;
  std::optional<CpuResources> cpu;
  std::optional<PidsResources> pids;
  std::optional<BlockIoResources> block_io;
  std::vector<HugepageLimit> hugepage_limits;
  std::optional<NetworkResources> network;
  std::map<std::string, RdmaLimit> rdma;
  StringMap unified;
};

enum class SeccompAction {
  kKill,  // SCMP_ACT_KILL, the same as KILL_THREAD
  kKillProcess,
  kKillThread,
  kTrap,
  kErrno,
  kTrace,
  kAllow,
  kLog,
  kNotify
};
enum class SeccompOperator { kNe, kLt, kLe, kEq, kGe, kGt, kMaskedEq };
struct SeccompArg {
  uint32_t index = 0;  // 0 to 5
  uint64_t value = 0, value_two = 0;
  SeccompOperator op = SeccompOperator::kEq;
};
struct SeccompRule {
  Strings names;
  SeccompAction action = SeccompAction::kErrno;
  std::optional<uint32_t> errno_ret;
  std::vector<SeccompArg> args;
};
struct Seccomp {
  SeccompAction default_action = SeccompAction::kErrno;
  std::optional<uint32_t> default_errno_ret;
  Strings architectures;  // "SCMP_ARCH_X86_64": checked against the known names
  Strings flags;          // "SECCOMP_FILTER_FLAG_LOG": checked against the known names
  std::string listener_path, listener_metadata;
  std::vector<SeccompRule> syscalls;
};

struct Personality {
  std::string domain;  // "LINUX" or "LINUX32"
  Strings flags;
};

struct IntelRdt {
  std::string clos_id, l3_cache_schema, mem_bw_schema;
  Strings schemata;
  bool enable_monitoring = false;
};

struct MemoryPolicy {
  std::string mode, nodes;
  Strings flags;
};

struct Linux {
  std::vector<Namespace> namespaces;
  std::vector<IdMapping> uid_mappings, gid_mappings;
  std::optional<TimeOffsets> time_offsets;
  std::vector<Device> devices;
  std::map<std::string, NetDevice> net_devices;  // by host name
  std::string cgroups_path;
  std::optional<Resources> resources;
  std::string rootfs_propagation;
  std::optional<Seccomp> seccomp;
  StringMap sysctl;
  Strings masked_paths, readonly_paths;
  std::string mount_label;
  std::optional<IntelRdt> intel_rdt;
  std::optional<Personality> personality;
  std::optional<MemoryPolicy> memory_policy;
};

struct Spec {
  std::string version;  // ociVersion
  std::optional<Process> process;
  Root root;
  std::string hostname, domainname;
  std::vector<Mount> mounts;
  Hooks hooks;
  StringMap annotations;
  Linux linux_;
};

// The state document (runtime.md#state), as `state` and hooks see it.
struct State {
  std::string version, id, status;  // creating, created, running, stopped (and paused)
  int32_t pid = 0;
  std::string bundle;
  StringMap annotations;
};

// Decoders: every error names the field ("linux.resources.pids.limit: expected integer in range");
// several errors are all told, joined by "; ". Unknown properties are ignored, unknown enum values
// refused, duplicate keys refused. Cross-field rules of the specification are checked here, too
// (root.path empty, args empty, cwd not absolute, a namespace listed twice, mappings without user
// ns).
Result<Spec> decode_spec(std::string_view text);
Result<Process> decode_process(std::string_view text);
Result<Resources> decode_resources(std::string_view text);
Result<State> decode_state(std::string_view text);

std::string encode_spec(const Spec& spec, json::Layout layout = json::Layout::kCompact);
std::string encode_process(const Process& process);
std::string encode_resources(const Resources& resources);
std::string encode_state(const State& state, json::Layout layout = json::Layout::kCompact);

// The names of linux.namespaces[].type, /proc/PID/ns/NAME and the CLONE_NEW* flag.
std::string_view spec_name(NamespaceType type);  // "network"
std::string_view proc_name(NamespaceType type);  // "net"
uint64_t clone_flag(NamespaceType type);

}  // namespace holdfast::oci
