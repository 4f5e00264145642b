// resolve: Spec x Policy x Facts -> Plan, or every violation at once. Pure: no system calls.
//
//   const Policy policy = choose(set, {identity, spec.annotations, today});
//   HF_TRY(Resolved r, resolve({.id = "c1", .bundle = "/run/b"}, spec, policy, facts));
//   // r.plan is applied; r.filters are compiled (or taken from the cache) and loaded in order
//
// The merge only tightens: nothing in the plan allows more than the spec asked for or than the
// profile permits. A refusal is an Error whose text lists every violation:
//   refused by policy (10-node.json:4, profile baseline): adds capability SYS_ADMIN [HF-C003: drop it ...]; ...
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/oci/spec.h"
#include "core/plan/plan.h"
#include "profiles/policy/apparmor_profile.h"
#include "profiles/policy/limits.h"
#include "profiles/policy/policy.h"
#include "profiles/policy/user_namespace.h"
#include "profiles/seccomp/filter.h"

namespace holdfast {

// What a path on the host led to when the request was made.
struct MountSource {
  std::string real_path;  // as the kernel names it: no links
  FileIdentity file;
  // What it is called by way of the files that the policy knows: engines' sockets and directories, and
  // those that the profile denies (a bind mount or a hard link of them, or what is in one).
  std::vector<std::string> other_names{};
};

// What SELinux shows of a request; all empty where there is no SELinux or the engine gives a label.
struct SelinuxFacts {
  bool knows_containers = false;  // the loaded policy knows system_u:system_r:container_t:s0
  std::string root_label;         // of the root's directory
  std::string pod_label;          // of the process whose IPC namespace is joined
};

// What the command line adds to the spec.
struct Request {
  std::string id;
  std::string bundle;  // absolute
  CgroupDriver cgroup_driver = CgroupDriver::kCgroupfs;
  bool rootless = false;
  bool no_pivot = false;
  bool new_keyring = true;
  uint32_t preserve_fds = 0;
  // The namespaces that linux.namespaces[].path names, as readlink shows them: path -> "net:[4026531840]".
  // One that is not in here counts as the host's.
  std::map<std::string, std::string> namespace_ids{};
  // What the sources of bind mounts and the layers of overlays are, by their path in the spec. One that is not in here does not
  // exist.
  std::map<std::string, MountSource> sources{};
  // What device the host has under the path of each device of the spec: path -> "c 10:232".
  std::map<std::string, std::string> device_nodes{};
  SelinuxFacts selinux{};
  std::string apparmor_obstacle{};  // why no profile of ours can be loaded; empty: it can
  // What the host's cgroups can limit; looked at where the policy has such limits.
  CgroupControls controls{};
  // The host's memory, where the policy limits what a tmpfs holds; sizes may be parts of it.
  struct Memory {
    uint64_t total = 0, page = 4096;
  } memory{};
  // The kernel can forbid programs in memory files (vm.memfd_noexec); looked at where the policy does.
  bool memfd_noexec = false;
  // What can hold the container's network; looked at where the policy says something of it.
  struct Network {
    std::string bpf_obstacle{"not looked at"};  // why cgroup BPF cannot; empty: it can
    bool nftables = false;
  } network{};
  // What stands directly in the root and can hold programs, by name; nullopt: not known.
  std::optional<std::vector<std::string>> root_entries{};
  // The runtime's directory with the socket of sd_notify(3) for this container; empty: none asked for.
  std::string notify_directory{};
  // The root's ping(8), looked at where the profile takes CAP_NET_RAW away: where it is, and the
  // capabilities that its file demands.
  struct Ping {
    std::string path;
    uint64_t demands = 0;
  };
  std::optional<Ping> ping{};
  // What a user namespace of the container's own depends on; nullopt: not looked at.
  std::optional<UserNamespaceFacts> user_namespace{};
};

// A filter to compile: the description and the options that the cache's key is made of.
//   cache.get(source.seccomp, source.options)
struct FilterSource {
  FilterPlan plan;       // digest and instructions still empty
  oci::Seccomp seccomp;  // what to compile
  CompileOptions options;
};

struct Resolved {
  Plan plan;
  std::vector<FilterSource> filters;  // in the order of loading
  AppArmorProfile apparmor;           // to be loaded; without a name: none
  // The plan's SELinux labels end with the sensitivity, "s0": append ":" and a pair of categories that no
  // other container has.
  bool wants_categories = false;
};

// What resolve() would do. With violations its decisions tell of them all and `refusal` is resolve()'s
// error: such a plan is for explaining and never applied.
struct Examined {
  Resolved resolved;
  std::optional<Error> refusal;
};
Result<Examined> examine(const Request& request, const oci::Spec& spec, const Policy& policy,
                         const HostFacts& facts);

Result<Resolved> resolve(const Request& request, const oci::Spec& spec, const Policy& policy,
                         const HostFacts& facts);

// exec: what the process asks, no more than the stored plan allows and the current policy permits.
Result<ProcessPlan> resolve_exec(const Plan& stored, const oci::Process& asked,
                                 const Policy& current, const HostFacts& facts);

// Whether a container under the profile may have to be cut off from the network while it runs.
bool may_isolate(const Profile& profile);

// update: what is asked, under the current policy.
struct Update {
  oci::Resources changes;           // to be written
  oci::Resources limits;            // what then holds: the stored plan's with the changes
  std::vector<Decision> decisions;  // of the limits that are changed
};
Result<Update> resolve_update(const Plan& stored, const oci::Resources& asked,
                              const Policy& current, HostFacts::Cgroup mode);

}  // namespace holdfast
