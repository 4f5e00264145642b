#include "profiles/policy/user_namespace.h"

#include <sys/mount.h>

#include <algorithm>

#include "core/plan/mount_options.h"
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

using oci::NamespaceType;
using Facts = UserNamespaceFacts;

constexpr std::string_view kControl = "userNamespace";
constexpr std::string_view kPing = "net.ipv4.ping_group_range";

const oci::Namespace* find(const oci::Spec& spec, NamespaceType type) {
  for (const oci::Namespace& each : spec.linux_.namespaces)
    if (each.type == type) return &each;
  return nullptr;
}

bool has_host_root(const std::vector<oci::IdMapping>& map) {
  return std::any_of(map.begin(), map.end(),
                     [](const oci::IdMapping& each) { return each.host_id == 0 && each.size > 0; });
}

// Collects what stands against it.
class Ladder {
 public:
  Ladder(const ResolveContext& c, const Facts& facts) : c_(c), facts_(facts) {}

  std::string reasons() {
    if (c_.privileged) add("it is privileged: what it is for needs the host's own root");
    if (c_.request.rootless) add("holdfast was told to do without root's rights (--rootless)");
    if (!facts_.problem.empty()) add(facts_.problem);
    if (c_.plan.rootfs_propagation & MS_SHARED) add("its mounts are shared with the host");
    namespaces();
    if (!facts_.root.empty()) add(fmt::format("its root: {}", facts_.root));
    for (const oci::Mount& mount : c_.spec.mounts) judge_mount(mount);
    for (const auto& [path, problem] : facts_.devices) add(problem);
    ids();
    host_rights();
    return join(reasons_, "; ");
  }

 private:
  void add(std::string reason) {
    if (std::find(reasons_.begin(), reasons_.end(), reason) == reasons_.end())
      reasons_.push_back(std::move(reason));
  }

  void namespaces() {
    for (const NamespaceType type :
         {NamespaceType::kPid, NamespaceType::kNetwork, NamespaceType::kIpc, NamespaceType::kUts}) {
      const oci::Namespace* ns = find(c_.spec, type);
      const std::string_view name = oci::spec_name(type);
      // Nothing is done to the names of the host.
      if (!ns && type == NamespaceType::kUts) continue;
      if (!ns) {
        add(fmt::format("it shares the host's {} namespace", name));
      } else if (facts_.of_host.contains(ns->path)) {
        add(
            fmt::format("its {} namespace was made for it outside of any user namespace, so that "
                        "it would have no rights over it",
                        name));
      }
    }
  }

  void judge_mount(const oci::Mount& mount) {
    static constexpr std::string_view kTypes[] = {"proc",   "sysfs",  "tmpfs",  "devpts",
                                                  "mqueue", "cgroup", "cgroup2"};
    const auto parsed = parse_mount(mount);
    if (!parsed || parsed->remount) return;  // what is wrong with it is told elsewhere
    if (parsed->idmap) add(fmt::format("the engine maps the ids of {} itself", mount.destination));
    if (!parsed->bind) {
      if (std::find(std::begin(kTypes), std::end(kTypes), parsed->type) == std::end(kTypes))
        add(fmt::format("only the host may mount {} on {}", parsed->type, mount.destination));
      for (const std::string& option : parsed->data)
        if (option.starts_with("uid=") || option.starts_with("gid="))
          if (const auto id = parse_number<uint32_t>(option.substr(4)))
            judge_id(*id, option.starts_with("uid=") ? facts_.pod_uids : facts_.pod_gids);
      return;
    }
    const auto source = facts_.sources.find(mount.source);
    if (source == facts_.sources.end())
      add(fmt::format("{} was not looked at", mount.source));
    else if (!source->second.problem.empty())
      add(source->second.problem);
  }

  // A pod's mapping is that of whoever made it.
  void judge_id(uint32_t id, const std::vector<oci::IdMapping>& pod) {
    if (!facts_.pod.empty()) {
      const bool mapped = std::any_of(pod.begin(), pod.end(), [&](const oci::IdMapping& each) {
        return id >= each.container_id && id - each.container_id < each.size;
      });
      if (!mapped) add(fmt::format("id {} is none of its pod's user namespace", id));
    } else if (id >= kContainerIds) {
      add(fmt::format("id {} lies beyond the {} of a namespace", id, kContainerIds));
    }
  }

  void ids() {
    if (has_host_root(facts_.pod_uids)) add("its pod's user namespace has the host's root in it");
    const oci::User& user = c_.spec.process->user;
    judge_id(0, facts_.pod_uids);
    judge_id(0, facts_.pod_gids);
    judge_id(user.uid, facts_.pod_uids);
    judge_id(user.gid, facts_.pod_gids);
    for (const uint32_t gid : user.additional_gids) judge_id(gid, facts_.pod_gids);
    for (const oci::Device& device : c_.spec.linux_.devices) {
      judge_id(device.uid.value_or(0), facts_.pod_uids);
      judge_id(device.gid.value_or(0), facts_.pod_gids);
    }
  }

  // What only CAP_SYS_NICE and CAP_SYS_RESOURCE of the host give.
  void host_rights() {
    if (c_.spec.process->scheduler || c_.spec.process->io_priority)
      add("its scheduling needs rights over the host");
    if (!old_kernel()) return;
    for (const auto& [name, value] : c_.spec.linux_.sysctl)
      if (!name.starts_with("net.") && name != "kernel.domainname" && name != "kernel.hostname")
        add(fmt::format("before Linux 6.10 only the host's root may set {}", name));
  }

  bool old_kernel() const {
    const auto parts = split(c_.facts.kernel, '.');
    if (parts.size() < 2) return true;
    const std::string_view minor = parts[1].substr(0, parts[1].find_first_not_of("0123456789"));
    const int release =
        parse_number<int>(parts[0]).value_or(0) * 1000 + parse_number<int>(minor).value_or(0);
    return release < 6010;
  }

  const ResolveContext& c_;
  const Facts& facts_;
  std::vector<std::string> reasons_;
};

// The engine's own choice, or what was there before us. Its mapping of root to the host's root is none
// of use.
bool has_one(ResolveContext& c, Requirement wanted) {
  if (!shares_host(c.request, c.spec.linux_.namespaces, c.facts, NamespaceType::kUser)) {
    if (has_host_root(c.spec.linux_.uid_mappings) && !c.facts.in_user_namespace &&
        wanted != Requirement::kOff)
      c.judge.unavailable(wanted, kControl, "the engine's mapping has the host's root in it");
    else
      c.judge.kept(kControl, "own");
    return true;
  }
  if (c.facts.in_user_namespace || c.facts.euid != 0) {
    c.judge.kept(kControl, "the caller's", "the caller runs in a user namespace already");
    return true;
  }
  return false;
}

uint64_t mapped_binds(const Facts& facts) {
  return static_cast<uint64_t>(std::count_if(facts.sources.begin(), facts.sources.end(),
                                             [](const auto& each) { return !each.second.kernel; }));
}

void apply(ResolveContext& c, const Facts& facts) {
  c.plan.namespaces.push_back({NamespaceType::kUser, facts.pod});
  c.plan.uid_mappings = facts.pod_uids;
  c.plan.gid_mappings = facts.pod_gids;
  c.plan.rootfs_idmap = MountIdMap{.uid_mappings = {}, .gid_mappings = {}, .recursive = true};
}

std::string range_text(uint32_t first) {
  return fmt::format("0..{} = {}..{}", kContainerIds - 1, first, first + (kContainerIds - 1));
}

std::string map_text(const std::vector<oci::IdMapping>& map) {
  std::vector<std::string> parts;
  for (const oci::IdMapping& each : map)
    parts.push_back(fmt::format("{}..{} = {}..{}", each.container_id,
                                each.container_id + (each.size - 1), each.host_id,
                                each.host_id + (each.size - 1)));
  return join(parts, ", ");
}

}  // namespace

bool wants_user_namespace(const Policy& policy, const oci::Spec& spec, const HostFacts& facts) {
  const bool excepted = std::any_of(policy.grants.begin(), policy.grants.end(),
                                    [](const Grant& grant) { return grant.what == kControl; });
  return policy.mode != Mode::kOff && policy.profile.user_namespace != Requirement::kOff &&
         !excepted && facts.euid == 0 && !facts.in_user_namespace &&
         !find(spec, NamespaceType::kUser);
}

void resolve_user_namespace(ResolveContext& c) {
  const Requirement wanted =
      c.judge.wanted(c.judge.profile().user_namespace, RuleId::kUserNamespace, kControl);
  if (has_one(c, wanted)) return;
  const std::string_view instead = rule_of(RuleId::kUserNamespace).fix;
  if (wanted == Requirement::kOff) {
    c.judge.kept(kControl, "host", fmt::format("its root is the host's root; use {}", instead));
    return;
  }
  const Facts unknown{.problem = "the host was not looked at"};
  const Facts& facts = c.request.user_namespace ? *c.request.user_namespace : unknown;
  if (const std::string reasons = Ladder(c, facts).reasons(); !reasons.empty()) {
    c.judge.unavailable(wanted, kControl, fmt::format("{}; use {}", reasons, instead));
    return;
  }
  const bool pod = !facts.pod.empty();
  const uint64_t binds = mapped_binds(facts);
  const std::string why =
      pod ? fmt::format(
                "its pod's, which {} belongs to; the root and {} sources of mounts are "
                "id-mapped",
                facts.pod, binds)
          : fmt::format("ids of {}; the root and {} sources of mounts are id-mapped", facts.pool,
                        binds);
  if (c.judge.tighten(RuleId::kUserNamespace, kControl, "host",
                      pod ? map_text(facts.pod_uids) : fmt::format("0..{}", kContainerIds - 1),
                      why))
    apply(c, facts);
}

void map_mounts(ResolveContext& c) {
  if (!c.plan.rootfs_idmap) return;
  const Facts& facts = *c.request.user_namespace;
  for (MountPlan& mount : c.plan.mounts) {
    if (!mount.bind || mount.remount) continue;
    const auto source = facts.sources.find(mount.source);
    if (source == facts.sources.end() || source->second.kernel) continue;
    mount.idmap =
        MountIdMap{.uid_mappings = {}, .gid_mappings = {}, .recursive = mount.recursive_bind};
  }
  // ping(8) without capabilities: the engine's "0 2147483647" has groups that are not mapped.
  const auto ping = c.plan.sysctl.find(std::string(kPing));
  if (ping == c.plan.sysctl.end()) return;
  std::string limited;
  for (const std::string_view field : split(ping->second, ' ')) {
    if (field.empty()) continue;
    const uint64_t gid = parse_number<uint64_t>(field).value_or(0);
    if (!limited.empty()) limited += ' ';
    limited += gid >= kContainerIds ? fmt::format("{}", kContainerIds - 1) : std::string(field);
  }
  ping->second = limited;
}

bool needs_id_range(const Plan& plan) {
  const oci::Namespace* user = find_namespace(plan, NamespaceType::kUser);
  return user && user->path.empty() && plan.uid_mappings.empty() && plan.rootfs_idmap.has_value();
}

void assign_id_range(Plan& plan, uint32_t first) {
  plan.uid_mappings = plan.gid_mappings = {{0, first, kContainerIds}};
  for (Decision& decision : plan.decisions)
    if (decision.control == kControl && decision.outcome == Outcome::kTightened)
      decision.applied = range_text(first);
}

}  // namespace holdfast
