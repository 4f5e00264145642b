#include <sys/mount.h>

#include <algorithm>

#include "core/plan/mount_options.h"
#include "profiles/policy/context.h"
#include "profiles/policy/mount_rules.h"

namespace holdfast {
namespace {

// File systems that every container has a copy of its own of.
bool is_containers(std::string_view type) {
  static constexpr std::string_view kTypes[] = {"proc",   "sysfs", "cgroup", "cgroup2", "mqueue",
                                                "devpts", "tmpfs", "ramfs",  "overlay"};
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

// All names of one source: as asked, where that leads, and what it is called by way of the files that the
// policy knows. A link out of a denied directory is a mount of it, and so is a second name of what is in
// there.
SourceKind kind_of(const std::string& asked, const MountSource* source) {
  if (source == nullptr) return classify_source(asked);
  SourceKind known = SourceKind::kOrdinary;
  for (const std::string& name : source->other_names) {
    const SourceKind kind = classify_source(name);
    if (kind == SourceKind::kEngine) return kind;
    known = std::max(known, kind);
  }
  if (known != SourceKind::kOrdinary) return known;
  const SourceKind real = classify_source(source->real_path);
  return real == SourceKind::kOrdinary ? classify_source(asked) : real;
}

// The path of mounts.deny that the source is about, or nullptr.
const std::string* denied_by(const Paths& denied, const std::string& asked,
                             const MountSource* source) {
  for (const std::string& each : denied) {
    if (is_about(each, asked)) return &each;
    if (source == nullptr) continue;
    if (is_about(each, source->real_path)) return &each;
    for (const std::string& name : source->other_names)
      if (is_about(each, name)) return &each;
  }
  return nullptr;
}

// `path` is what the exception would name, `asked` the source or layer.
void judge_source(ResolveContext& c, const MountPlan& mount, const std::string& path) {
  const auto found = c.request.sources.find(path);
  const MountSource* source = found == c.request.sources.end() ? nullptr : &found->second;
  const std::string clean = clean_path(path);
  const SourceKind kind = kind_of(clean, source);
  const MountRules& rules = c.judge.profile().mounts;
  const std::string* denied = denied_by(rules.deny, clean, source);
  if (!denied && (kind == SourceKind::kOrdinary || kind == SourceKind::kContainerFile)) return;
  const Access access = denied                        ? Access::kDeny
                        : kind == SourceKind::kEngine ? rules.engine_state
                        : kind == SourceKind::kLayer  ? rules.layers
                                                      : rules.system;
  const bool engine = !denied && kind != SourceKind::kSystem;
  const RuleId rule = engine ? RuleId::kEngineMounts : RuleId::kSystemMounts;
  const std::string asked = fmt::format("{} on {}", path, mount.destination);
  const std::string phrase = denied ? fmt::format("binds {} (mounts.deny: {})", path, *denied)
                                    : fmt::format("binds {}", path);
  const Grant* grant = c.judge.exception("mounts", path);
  if (c.privileged && !grant)
    c.judge.warned(rule, "mounts", asked, "privileged: run as asked");
  else
    c.judge.gate(access, grant, rule, "mounts", asked, phrase, rule_of(rule).fix);
}

// Disks and interfaces of the host's kernel: no container has one of its own.
void judge_filesystem(ResolveContext& c, const MountPlan& mount) {
  const Access access = c.judge.profile().mounts.system;
  const std::string asked =
      fmt::format("{} ({}) on {}", mount.source, mount.type, mount.destination);
  const Grant* grant = c.judge.exception("mounts", mount.source);
  if (!grant) grant = c.judge.exception("mounts", mount.destination);
  if (c.privileged && !grant)
    c.judge.warned(RuleId::kSystemMounts, "mounts", asked, "privileged: run as asked");
  else
    c.judge.gate(access, grant, RuleId::kSystemMounts, "mounts", asked,
                 fmt::format("mounts {} ({})", mount.source, mount.type),
                 rule_of(RuleId::kSystemMounts).fix);
}

void judge_sources(ResolveContext& c, const MountPlan& mount) {
  if (!c.judge.active() || mount.remount) return;
  if (mount.bind)
    judge_source(c, mount, mount.source);
  else if (mount.type == "overlay")
    for (const std::string& each : overlay_layers(mount.data)) judge_source(c, mount, each);
  else if (!is_containers(mount.type))
    judge_filesystem(c, mount);
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
    if (mount.bind)
      if (const auto found = c.request.sources.find(mount.source); found != c.request.sources.end())
        mount.source_file = found->second.file;
    judge_sources(c, mount);
    limit_tmpfs(c, mount);
    force_flags(c, mount);
    judge_propagation(c, mount);
    mounts.push_back(std::move(mount));
  }
  c.judge.kept("mounts", fmt::format("{}", mounts.size()));
  return {};
}

}  // namespace holdfast
