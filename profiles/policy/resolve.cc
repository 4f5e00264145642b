#include "profiles/policy/resolve.h"

#include <sys/mount.h>

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

Result<uint64_t> propagation_flags(std::string_view name) {
  struct Row {
    std::string_view name;
    uint64_t flags;
  };
  static constexpr Row kRows[] = {
      {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
      {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
      {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
      {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
  };
  if (name.empty()) return 0;
  for (const Row& row : kRows)
    if (row.name == name) return row.flags;
  return error("linux.rootfsPropagation: unknown value \"{}\"", name);
}

std::string absolute(const std::string& bundle, const std::string& path) {
  if (path.starts_with('/')) return path;
  return bundle + "/" + path;
}

Result<> check_supported(const oci::Spec& spec) {
  if (spec.linux_.intel_rdt) return error("linux.intelRdt: not supported yet");
  if (spec.linux_.memory_policy) return error("linux.memoryPolicy: not supported yet");
  if (!spec.process) return error("process: required");
  if (spec.root.path.empty()) return error("root.path: required");
  return {};
}

// What is carried into the plan as it is.
Result<> carry_over(ResolveContext& c) {
  const oci::Spec& spec = c.spec;
  Plan& plan = c.plan;
  plan.id = c.request.id;
  plan.bundle = c.request.bundle;
  plan.oci_version = spec.version;
  plan.profile = c.policy.mode == Mode::kOff ? "off" : c.policy.profile.name;
  plan.mode = c.policy.mode;
  plan.policy_source = c.policy.source;
  plan.identity = c.policy.identity;
  plan.rootfs = absolute(c.request.bundle, spec.root.path);
  plan.readonly_rootfs = spec.root.readonly;
  HF_TRY(plan.rootfs_propagation, propagation_flags(spec.linux_.rootfs_propagation));
  if (plan.rootfs_propagation & MS_SHARED)
    c.judge.gate(c.judge.profile().mounts.shared, c.judge.exception("sharedMounts"),
                 RuleId::kSharedPropagation, "rootfsPropagation", spec.linux_.rootfs_propagation,
                 "lets mounts of its root propagate to the host",
                 rule_of(RuleId::kSharedPropagation).fix);
  plan.uid_mappings = spec.linux_.uid_mappings;
  plan.gid_mappings = spec.linux_.gid_mappings;
  plan.time_offsets = spec.linux_.time_offsets;
  plan.hostname = spec.hostname;
  plan.domainname = spec.domainname;
  plan.net_devices = spec.linux_.net_devices;
  plan.mount_label = spec.linux_.mount_label;
  plan.annotations = spec.annotations;
  plan.rootless = c.request.rootless;
  plan.no_pivot = c.request.no_pivot;
  plan.new_keyring = c.request.new_keyring;
  plan.preserve_fds = c.request.preserve_fds;
  plan.cgroup.driver = c.request.cgroup_driver;
  plan.cgroup.path = spec.linux_.cgroups_path;
  return {};
}

}  // namespace

Result<Examined> examine(const Request& request, const oci::Spec& spec, const Policy& policy,
                         const HostFacts& facts) {
  HF_DO(check_supported(spec));
  Examined examined;
  Resolved& resolved = examined.resolved;
  Judge judge(policy);
  ResolveContext c{request, spec, policy, facts, judge, resolved.plan};
  judge_privileged(c);
  HF_DO(carry_over(c));
  HF_DO(resolve_namespaces(c));
  HF_DO(resolve_process(c));
  resolve_capabilities(c);
  HF_DO(resolve_mounts(c));
  resolve_rootfs(c);
  resolve_paths(c);
  HF_DO(resolve_devices(c));
  resolve_resources(c);
  HF_DO(resolve_sysctl(c));
  resolve_ping(c);
  resolve_hooks(c);
  resolve_landlock(c);
  resolve_rlimits(c);
  resolve_mdwe(c);
  resolve_supervision(c);
  map_mounts(c);
  resolve_notify(c);
  HF_DO(resolve_filters(c, resolved.filters));
  HF_TRY(resolved.apparmor, resolve_apparmor(c));
  HF_TRY(resolved.wants_categories, resolve_selinux(c));
  examined.refusal = judge.refusal();
  for (const FilterSource& filter : resolved.filters) resolved.plan.filters.push_back(filter.plan);
  resolved.plan.decisions = policy.notes;
  for (Decision& each : judge.take_decisions()) resolved.plan.decisions.push_back(std::move(each));
  return examined;
}

Result<Resolved> resolve(const Request& request, const oci::Spec& spec, const Policy& policy,
                         const HostFacts& facts) {
  HF_TRY(Examined examined, examine(request, spec, policy, facts));
  if (examined.refusal) return Failure(std::move(*examined.refusal));
  return std::move(examined.resolved);
}

}  // namespace holdfast
