#include <sys/mount.h>

#include "core/plan/mount_options.h"
#include "profiles/policy/context.h"
#include "profiles/policy/mount_rules.h"

namespace holdfast {
namespace {

// By each of its names: as asked, where that leads, and the engine's own name for the same file. A link
// out of a denied directory is a mount of it, and so is a second name of what is in there.
SourceKind kind_of(const MountPlan& mount, const MountSource* source) {
  const SourceKind asked = classify_source(clean_path(mount.source));
  if (source == nullptr) return asked;
  if (!source->alias_of.empty()) return classify_source(source->alias_of);
  const SourceKind real = classify_source(source->real_path);
  return real == SourceKind::kOrdinary ? asked : real;
}

void judge_source(ResolveContext& c, const MountPlan& mount, const MountSource* source) {
  const SourceKind kind = kind_of(mount, source);
  if (kind == SourceKind::kOrdinary || kind == SourceKind::kContainerFile) return;
  const MountRules& rules = c.judge.profile().mounts;
  const Access access = kind == SourceKind::kEngine  ? rules.engine_state
                        : kind == SourceKind::kLayer ? rules.layers
                                                     : rules.system;
  const bool engine = kind != SourceKind::kSystem;
  const RuleId rule = engine ? RuleId::kEngineMounts : RuleId::kSystemMounts;
  const std::string asked = fmt::format("{} on {}", mount.source, mount.destination);
  const Grant* grant = c.judge.exception("mounts", mount.source);
  if (c.privileged && !grant)
    c.judge.warned(rule, "mounts", asked, "privileged: run as asked");
  else
    c.judge.gate(access, grant, rule, "mounts", asked, fmt::format("binds {}", mount.source),
                 rule_of(rule).fix);
}

void judge_propagation(ResolveContext& c, const MountPlan& mount) {
  if (!(mount.propagation & MS_SHARED) || c.privileged) return;
  const std::string asked = fmt::format("shared {}", mount.destination);
  c.judge.gate(c.judge.profile().mounts.shared, c.judge.exception("sharedMounts"),
               RuleId::kSharedPropagation, "mounts", asked,
               fmt::format("mounts {} shared", mount.destination),
               rule_of(RuleId::kSharedPropagation).fix);
}

// CVE-2023-25809: without a cgroup namespace of its own a rootless container would see, and be able to
// write, its user's whole tree.
void protect_cgroup_tree(ResolveContext& c, MountPlan& mount) {
  if (mount.type != "cgroup" && mount.type != "cgroup2") return;
  if (!c.request.rootless || (mount.attr_set & MOUNT_ATTR_RDONLY)) return;
  if (!shares_host(c.request, c.spec.linux_.namespaces, c.facts, oci::NamespaceType::kCgroup))
    return;
  mount.attr_set |= MOUNT_ATTR_RDONLY;
  mount.attr_clear &= ~uint64_t{MOUNT_ATTR_RDONLY};
  c.judge.always(RuleId::kCgroupMount, "mounts", fmt::format("writable {}", mount.destination),
                 "read-only", rule_of(RuleId::kCgroupMount).fix);
}

}  // namespace

Result<> resolve_mounts(ResolveContext& c) {
  auto& mounts = c.plan.mounts;
  mounts.reserve(c.spec.mounts.size());
  for (const oci::Mount& asked : c.spec.mounts) {
    HF_TRY(MountPlan mount, parse_mount(asked));
    protect_cgroup_tree(c, mount);
    if (mount.bind) {
      const auto found = c.request.sources.find(mount.source);
      const MountSource* source = found == c.request.sources.end() ? nullptr : &found->second;
      if (source != nullptr) mount.source_file = source->file;
      if (c.judge.active()) judge_source(c, mount, source);
    }
    judge_propagation(c, mount);
    mounts.push_back(std::move(mount));
  }
  c.judge.kept("mounts", fmt::format("{}", mounts.size()));
  return {};
}

}  // namespace holdfast
