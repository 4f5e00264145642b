// What the parts of resolve() work on.
#pragma once

#include "core/oci/spec.h"
#include "core/plan/plan.h"
#include "profiles/policy/apparmor_profile.h"
#include "profiles/policy/judge.h"
#include "profiles/policy/resolve.h"

namespace holdfast {

struct ResolveContext {
  const Request& request;
  const oci::Spec& spec;
  const Policy& policy;
  const HostFacts& facts;
  Judge& judge;
  Plan& plan;
  bool privileged = false;  // asked for, and the profile lets it be
};

// Each fills its part of the plan and records its decisions; an error is a mistake in the spec or
// something that this host cannot do, never a violation of the policy (those the judge collects).

// namespaces.cc
bool shares_host(const Request& request, const std::vector<oci::Namespace>& namespaces,
                 const HostFacts& facts, oci::NamespaceType type);
Result<> resolve_namespaces(ResolveContext& c);
// user_namespace.cc: whether there is one; and what follows for the mounts, once they are resolved
void resolve_user_namespace(ResolveContext& c);
void map_mounts(ResolveContext& c);
// privileged.cc
bool asks_privileged(const Request& request, const oci::Spec& spec, const HostFacts& facts);
void judge_privileged(ResolveContext& c);
// capabilities.cc
void resolve_capabilities(ResolveContext& c);
// process.cc
Result<> resolve_process(ResolveContext& c);
// mounts.cc
Result<> resolve_mounts(ResolveContext& c);
// notify.cc
void resolve_notify(ResolveContext& c);
// tmpfs.cc
void limit_tmpfs(ResolveContext& c, MountPlan& mount);
// mount_flags.cc
void force_flags(ResolveContext& c, MountPlan& mount);
// rootfs.cc
void resolve_rootfs(ResolveContext& c);
// paths.cc
void resolve_paths(ResolveContext& c);
// devices.cc
Result<> resolve_devices(ResolveContext& c);
// resources.cc
void resolve_resources(ResolveContext& c);
// sysctl.cc; the name with dots
bool is_allowed_sysctl(const Profile& profile, std::string_view name);
Result<> resolve_sysctl(ResolveContext& c);
// ping.cc: once the capabilities and the kernel parameters are resolved
void resolve_ping(ResolveContext& c);
// landlock.cc
void resolve_landlock(ResolveContext& c);
// hooks.cc
void resolve_hooks(ResolveContext& c);
// rlimits.cc
void resolve_rlimits(ResolveContext& c);
void tighten_rlimits(Judge& judge, std::vector<oci::Rlimit>& limits);
// mdwe.cc
void resolve_mdwe(ResolveContext& c);
// supervision.cc: what of the running container is watched
void resolve_supervision(ResolveContext& c);
// network.cc: `others` is what else is watched
std::optional<NetworkPlan> resolve_network(ResolveContext& c, const SupervisionPlan& others);
// exec_control.cc
std::optional<ExecControlPlan> resolve_exec_control(ResolveContext& c);
// apparmor.cc: of the rest of the plan, so last; the profile that its label names, or none
Result<AppArmorProfile> resolve_apparmor(ResolveContext& c);
// selinux.cc: whether the labels are still to get a pair of categories that nobody else has
Result<bool> resolve_selinux(ResolveContext& c);
// filters.cc
Result<> resolve_filters(ResolveContext& c, std::vector<FilterSource>& filters);

}  // namespace holdfast
