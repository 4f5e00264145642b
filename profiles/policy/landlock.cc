#include "profiles/policy/landlock.h"

#include <linux/mount.h>

#include <algorithm>

#include "core/plan/mount_options.h"
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

// linux/landlock.h; Debian 12's lacks the last two.
constexpr uint64_t kExecute = 1 << 0;
constexpr uint64_t kWriteFile = 1 << 1;
constexpr uint64_t kRemoveDir = 1 << 4, kRemoveFile = 1 << 5;
constexpr uint64_t kMakeChar = 1 << 6, kMakeDir = 1 << 7, kMakeReg = 1 << 8;
constexpr uint64_t kMakeSock = 1 << 9, kMakeFifo = 1 << 10, kMakeBlock = 1 << 11;
constexpr uint64_t kMakeSym = 1 << 12;
constexpr uint64_t kRefer = 1 << 13, kTruncate = 1 << 14, kIoctlDev = 1 << 15;

constexpr uint64_t kWrite = kWriteFile | kRemoveDir | kRemoveFile | kMakeDir | kMakeReg |
                            kMakeSock | kMakeFifo | kMakeSym | kTruncate;

bool is_at_or_below(std::string_view path, std::string_view directory) {
  if (directory == "/" || path == directory) return true;
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

// The kernel's own trees: what they hold is not the image's.
bool is_kernels(std::string_view path) {
  return is_at_or_below(path, "/proc") || is_at_or_below(path, "/sys");
}

uint64_t flags_of(const MountPlan& mount) {
  return (mount.attr_set | mount.recursive_attr_set) &
         ~(mount.attr_clear | mount.recursive_attr_clear);
}

bool holds_programs(const MountPlan& mount) {
  static constexpr std::string_view kNever[] = {"proc",   "sysfs",  "cgroup",    "cgroup2",
                                                "devpts", "mqueue", "securityfs"};
  if (flags_of(mount) & MOUNT_ATTR_NOEXEC) return false;
  // A /dev that the engine makes: nodes and sockets. (It is not noexec, because SGX maps from there.)
  if (mount.destination == "/dev" && !mount.bind) return false;
  return !is_kernels(mount.destination) &&
         std::find(std::begin(kNever), std::end(kNever), mount.type) == std::end(kNever);
}

bool is_writable(const MountPlan& mount) {
  if (flags_of(mount) & MOUNT_ATTR_RDONLY) return false;
  return mount.type != "proc" && mount.type != "sysfs";
}

// Paths of which none lies beneath another, in the order of being added.
class Places {
 public:
  void add(std::string path) {
    if (covers(path)) return;
    std::erase_if(paths_, [&](const std::string& each) { return is_at_or_below(each, path); });
    paths_.push_back(std::move(path));
  }
  bool covers(std::string_view path) const {
    return std::any_of(paths_.begin(), paths_.end(),
                       [&](const std::string& each) { return is_at_or_below(path, each); });
  }
  std::vector<std::string> take() { return std::move(paths_); }

 private:
  std::vector<std::string> paths_;
};

// The mounts that stand in the end, destinations in clean form: later ones cover earlier ones.
std::vector<MountPlan> standing_mounts(const Plan& plan) {
  std::vector<MountPlan> standing;
  for (const MountPlan& each : plan.mounts) {
    MountPlan mount = each;
    mount.destination = clean_path(each.destination);
    std::erase_if(standing, [&](auto& m) { return m.destination == mount.destination; });
    standing.push_back(std::move(mount));
  }
  return standing;
}

std::vector<std::string> executable_places(const std::vector<MountPlan>& mounts,
                                           const LandlockRules& rules, const RootEntries& entries) {
  if (rules.executable) return *rules.executable;
  if (!entries) return {"/"};
  Places places;
  for (const std::string& name : *entries) {
    std::string path = "/" + name;
    const bool covered = std::any_of(mounts.begin(), mounts.end(),
                                     [&](const auto& m) { return m.destination == path; });
    if (!covered && !is_kernels(path) && path != "/dev") places.add(std::move(path));
  }
  for (const MountPlan& mount : mounts)
    if (holds_programs(mount)) places.add(mount.destination);
  return places.take();
}

// What a process of the container may change; nothing to say where that is everything.
std::optional<std::vector<std::string>> writable_places(const std::vector<MountPlan>& mounts,
                                                        const LandlockRules& rules,
                                                        bool readonly_root) {
  if (!rules.writable && !readonly_root) return std::nullopt;
  Places places;
  places.add("/dev");
  if (rules.writable) {
    for (const std::string& each : *rules.writable) places.add(each);
  } else {
    for (const MountPlan& mount : mounts)
      if (is_writable(mount)) places.add(mount.destination);
  }
  return places.take();
}

// The devices that a container has, its terminals, and what of the host's /dev was bound into it.
std::vector<std::string> device_places(const std::vector<MountPlan>& mounts,
                                       const std::vector<oci::Device>& devices) {
  Places places;
  places.add("/dev/pts");
  places.add("/dev/console");
  places.add("/dev/ptmx");
  for (const oci::Device& device : devices) places.add(clean_path(device.path));
  for (const MountPlan& mount : mounts)
    if (mount.bind &&
        (is_at_or_below(mount.source, "/dev") || is_at_or_below(mount.destination, "/dev")))
      places.add(mount.destination);
  return places.take();
}

void grant(LandlockPlan& domain, uint64_t access, std::vector<std::string> paths) {
  if (access & domain.handled_fs && !paths.empty())
    domain.grants.push_back({access & domain.handled_fs, std::move(paths)});
}

}  // namespace

LandlockPlan landlock_domain(const Plan& plan, const LandlockRules& rules,
                             const RootEntries& entries, int32_t abi) {
  LandlockPlan domain;
  domain.abi = abi;
  const std::vector<MountPlan> mounts = standing_mounts(plan);
  const auto writable = writable_places(mounts, rules, plan.readonly_rootfs);
  domain.handled_fs = kExecute | kMakeChar | kMakeBlock | kRefer;
  if (abi >= kLandlockIoctl) domain.handled_fs |= kIoctlDev;
  if (writable) domain.handled_fs |= abi >= kLandlockTruncate ? kWrite : kWrite & ~kTruncate;
  grant(domain, kExecute, executable_places(mounts, rules, entries));
  // A domain denies it unless it is granted; what it may do is still bounded by the other rights.
  grant(domain, kRefer, {"/"});
  grant(domain, kIoctlDev, device_places(mounts, plan.devices));
  if (writable) grant(domain, kWrite, *writable);
  if (abi >= kLandlockTcp) {
    domain.bind_tcp = rules.bind_tcp;
    domain.connect_tcp = rules.connect_tcp;
  }
  return domain;
}

std::string landlock_summary(const LandlockPlan& domain) {
  const auto places = [&](uint64_t right) -> const std::vector<std::string>* {
    for (const LandlockGrant& each : domain.grants)
      if (each.access & right) return &each.paths;
    return nullptr;
  };
  std::vector<std::string> parts;
  const auto* executable = places(kExecute);
  if (!executable)
    parts.emplace_back("no execution");
  else if (*executable != std::vector<std::string>{"/"})
    parts.push_back(fmt::format("execution from {} places", executable->size()));
  if (domain.handled_fs & kWriteFile)
    parts.push_back(fmt::format("writes to {} places", places(kWriteFile)->size()));
  if (domain.handled_fs & kIoctlDev)
    parts.push_back(fmt::format("ioctl on {} devices", places(kIoctlDev)->size()));
  parts.emplace_back("no mounts, no device nodes");
  const auto ports = [&](std::string_view verb, const auto& list) {
    if (list) parts.push_back(fmt::format("TCP: {} {} ports", verb, list->size()));
  };
  ports("binds", domain.bind_tcp);
  ports("connects to", domain.connect_tcp);
  return join(parts, ", ");
}

// Unless the container is one that mounts by itself.
void resolve_landlock(ResolveContext& c) {
  const LandlockRules& rules = c.judge.profile().landlock;
  if (rules.mode == Requirement::kOff || c.privileged) return;
  if (const Grant* grant = c.judge.exception("nestedContainers"))
    return c.judge.excepted(RuleId::kLandlock, "landlock", "none", *grant);
  const Requirement wanted = c.judge.wanted(rules.mode, RuleId::kLandlock, "landlock");
  if (wanted == Requirement::kOff) return;
  if (c.facts.landlock_abi == 0)
    return c.judge.unavailable(wanted, "landlock", "this kernel has no Landlock, or it is off");
  if (c.facts.landlock_abi < kLandlockRefer)
    return c.judge.unavailable(
        wanted, "landlock", "Landlock before Linux 5.19 forbids moving files between directories");
  if ((rules.bind_tcp || rules.connect_tcp) && c.facts.landlock_abi < kLandlockTcp)
    c.judge.unavailable(wanted, "landlock", "TCP ports need Linux 6.7");
  LandlockPlan domain =
      landlock_domain(c.plan, rules, c.request.root_entries, c.facts.landlock_abi);
  if (c.judge.tighten(RuleId::kLandlock, "landlock", "none", landlock_summary(domain),
                      "nothing that a process gains lifts it: not root, not a user namespace"))
    c.plan.landlock = std::move(domain);
}

}  // namespace holdfast
