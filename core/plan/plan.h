// Plan: everything that will be applied to a container, and each decision with its reason.
//
//   resolve(spec, policy, facts) -> Plan        profiles/policy/resolve.h (pure)
//   launch(plan)                                sandbox/launch (the kernel)
//   explain(plan)                               shim/ctl (a person)
//
// The canonical JSON form (`encode_plan`) is what is stored, digested, handed to the container's
// init and shown: what is explained is what is applied.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/oci/spec.h"
#include "core/plan/supervision.h"

namespace holdfast {

// What became of one control.
enum class Outcome {
  kKept,         // "=": applied as asked
  kTightened,    // "~": applied tighter than asked
  kRefused,      // "x": not applied, the container does not start
  kNotPossible,  // "!": this host cannot, with the reason
  kWarned        // "w": applied as asked although the profile says otherwise (mode warn, exception)
};

struct Decision {
  std::string control;  // "capabilities", "seccomp", "noNewPrivileges", "maskedPaths", ...
  std::string asked;    // as a person reads it: "+SYS_ADMIN"
  std::string applied;
  Outcome outcome = Outcome::kKept;
  std::string rule;  // "HF-C003" where a rule made it, else empty
  std::string why;   // a sentence, with the fix where something was denied
};

// Bit N is capability N of linux/capability.h.
struct CapabilitySets {
  uint64_t bounding = 0, effective = 0, permitted = 0, inheritable = 0, ambient = 0;
};

enum class FilterOrigin { kEngine, kProfile };

// One seccomp filter. Its instructions stand in the container's `filters` file, one after the other
// in the order of this list, which is also the order of loading.
struct FilterPlan {
  std::string name;  // "docker's", "baseline"
  FilterOrigin origin = FilterOrigin::kEngine;
  std::string digest;  // sha256 of the instructions, hex
  uint32_t instructions = 0;
  uint32_t flags = 0;  // SECCOMP_FILTER_FLAG_*
  std::string listener_path, listener_metadata;
};

struct MountIdMap {
  std::vector<oci::IdMapping> uid_mappings, gid_mappings;  // empty: the container's own
  bool recursive = false;
};

// Which file a path was when it was judged; what is applied must be that one.
struct FileIdentity {
  uint32_t device_major = 0, device_minor = 0;  // of the file system
  uint64_t inode = 0;
};

// One mount, its options parsed into what the mount API takes.
struct MountPlan {
  std::string destination;                  // as asked, absolute
  std::string source;                       // path of a bind, else the file system's source name
  std::string type;                         // "bind", "proc", "tmpfs", "cgroup", ...
  std::optional<FileIdentity> source_file;  // of a bind
  bool bind = false, recursive_bind = false, remount = false;
  uint64_t attr_set = 0, attr_clear = 0;                      // MOUNT_ATTR_*, this mount only
  uint64_t recursive_attr_set = 0, recursive_attr_clear = 0;  // MOUNT_ATTR_*, AT_RECURSIVE
  uint64_t propagation = 0;       // MS_SHARED, MS_PRIVATE | MS_REC, ...; 0: none asked
  uint64_t superblock_flags = 0;  // MS_SYNCHRONOUS, MS_DIRSYNC, MS_RDONLY, ...
  std::vector<std::string> data;  // "mode=755", "size=64k": fsconfig pairs or flags
  bool copy_up = false;           // tmpcopyup
  std::optional<MountIdMap> idmap;
};

// What a Landlock domain allows beneath paths of the container (landlock(7)).
struct LandlockGrant {
  uint64_t access = 0;             // LANDLOCK_ACCESS_FS_*
  std::vector<std::string> paths;  // one that is missing grants nothing
};

// The Landlock domain of all of the container's processes; each further process gets one of the
// same rules.
struct LandlockPlan {
  int32_t abi = 0;          // of the kernel that it was decided for
  uint64_t handled_fs = 0;  // LANDLOCK_ACCESS_FS_*: denied but for what is granted
  std::vector<LandlockGrant> grants;
  std::optional<std::vector<uint16_t>> bind_tcp, connect_tcp;  // the only ports; absent: any
};

enum class CgroupDriver { kCgroupfs, kSystemd, kDisabled };

struct CgroupPlan {
  CgroupDriver driver = CgroupDriver::kCgroupfs;
  std::string path;  // linux.cgroupsPath as asked; empty: derived from the id
  oci::Resources resources;
};

// What one process is run with: the container's init, or an exec.
struct ProcessPlan {
  std::vector<std::string> args, env;
  std::string cwd;
  oci::User user;
  bool terminal = false;
  std::optional<oci::ConsoleSize> console_size;
  CapabilitySets capabilities;
  std::vector<oci::Rlimit> rlimits;
  bool no_new_privileges = false;
  bool mdwe = false;  // no memory that is both writable and executable (PR_SET_MDWE)
  std::string apparmor_profile, selinux_label;
  std::optional<int32_t> oom_score_adj;
  std::optional<oci::Scheduler> scheduler;
  std::optional<oci::IoPriority> io_priority;
  std::optional<oci::ExecCpuAffinity> cpu_affinity;
  std::optional<oci::Personality> personality;
};

// warn and audit apply as asked and record what would have been done; warn also loads the profile's
// filters so that they log. off judges nothing.
enum class Mode { kEnforce, kWarn, kAudit, kOff };

// Who the container is, for the policy's selectors: only what the engine itself says. What somebody else
// could have written (a pod's author, where the engine lets his annotations win) stands in `doubtful`
// and can tighten, never loosen.
struct ContainerIdentity {
  std::string engine;         // "docker", "kubernetes", "containerd", "podman"; empty: not known
  std::string pod_namespace;  // of Kubernetes
  std::string pod, container, image, image_digest;
  std::string handler;                // the engine's name for this runtime
  uint32_t user = 0;                  // on whose behalf holdfast runs
  std::vector<std::string> doubtful;  // the members' names: "namespace", "image"
};

struct Plan {
  int32_t version = 1;
  std::string id;
  std::string bundle;  // absolute
  std::string oci_version;
  std::string profile;  // "baseline"
  Mode mode = Mode::kEnforce;
  std::string policy_source;   // "/etc/holdfast/policy.d/10-node.json:4", or "built in"
  ContainerIdentity identity;  // what the policy was chosen by
  std::vector<Decision> decisions;

  ProcessPlan process;
  std::string rootfs;  // absolute path on the host
  bool readonly_rootfs = false;
  uint64_t rootfs_propagation = 0;  // MS_*
  std::optional<MountIdMap> rootfs_idmap;
  std::vector<oci::Namespace> namespaces;
  // Of the user namespace that is made, or, where it is known, of the one that is joined.
  std::vector<oci::IdMapping> uid_mappings, gid_mappings;
  std::optional<oci::TimeOffsets> time_offsets;
  std::string hostname, domainname;
  std::vector<MountPlan> mounts;
  std::vector<oci::Device> devices;  // the default ones of the specification included
  std::map<std::string, oci::NetDevice> net_devices;
  std::vector<std::string> masked_paths, readonly_paths;
  // Programs that get neither set-uid nor file capabilities: mounted nosuid onto themselves.
  std::vector<std::string> nosuid_paths;
  oci::StringMap sysctl;
  std::string mount_label;
  CgroupPlan cgroup;
  std::optional<LandlockPlan> landlock;
  std::vector<FilterPlan> filters;  // first loaded first: the profile's, then the engine's
  std::optional<SupervisionPlan> supervision;
  oci::Hooks hooks;
  oci::StringMap annotations;  // passed on in `state`; never interpreted
  bool rootless = false;
  bool no_pivot = false;
  bool new_keyring = true;
  uint32_t preserve_fds = 0;
};

// Canonical: fields in the order of their declaration, no blanks, absent and empty values left out.
std::string encode_plan(const Plan& plan);
Result<Plan> decode_plan(std::string_view text);
std::string encode_process_plan(const ProcessPlan& process);
Result<ProcessPlan> decode_process_plan(std::string_view text);

// The namespace of this type that the plan makes or joins, or nullptr.
const oci::Namespace* find_namespace(const Plan& plan, oci::NamespaceType type);

// What the host can do and what the caller is, as data. Probed by sandbox/kernel/probe.
struct HostFacts {
  enum class Cgroup { kV1, kHybrid, kV2, kNone };
  std::string kernel;  // uname -r
  Cgroup cgroup = Cgroup::kNone;
  bool apparmor = false, selinux = false;
  int32_t landlock_abi = 0;  // 0: the kernel has none, or it is off
  bool mdwe = false;         // PR_SET_MDWE (Linux 6.3)
  bool bpf_lsm = false;
  bool seccomp_log = false;      // SECCOMP_RET_LOG available
  uint64_t bounding = 0;         // capabilities that we can hand on
  int32_t last_capability = 40;  // of /proc/sys/kernel/cap_last_cap
  uint32_t euid = 0;
  bool in_user_namespace = false;  // our own uid_map is not the full identity
  bool pids_controller = false;    // a pids controller is mounted
  std::vector<std::string>
      host_namespaces;  // "net:[4026531840]" of ourselves, to recognise host joins
};

}  // namespace holdfast
