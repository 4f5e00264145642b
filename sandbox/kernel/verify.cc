#include "sandbox/kernel/verify.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "core/plan/capability_names.h"
#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

constexpr size_t kStatusLimit = 1 << 20;  // 65536 groups fit

// What differs, in words; nothing stops at the first.
using Mismatches = std::vector<std::string>;

template <class... Args>
void differ(Mismatches& all, fmt::format_string<Args...> format, Args&&... args) {
  all.push_back(fmt::format(format, std::forward<Args>(args)...));
}

std::vector<uint64_t> numbers(std::string_view text) {
  std::vector<uint64_t> found;
  while (!(text = trim(text)).empty()) {
    const size_t end = std::min(text.find_first_of(" \t\n"), text.size());
    const auto number = parse_number<uint64_t>(text.substr(0, end));
    if (!number) return {};
    found.push_back(*number);
    text.remove_prefix(end);
  }
  return found;
}

// The fields of /proc/PID/status, proc(5).
class StatusFile {
 public:
  explicit StatusFile(std::string_view text) : text_(text) {}

  std::optional<std::string_view> field(std::string_view name) const {
    for (size_t at = 0; at < text_.size();) {
      const size_t end = std::min(text_.find('\n', at), text_.size());
      const std::string_view line = text_.substr(at, end - at);
      if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
        return trim(line.substr(name.size() + 1));
      at = end + 1;
    }
    return std::nullopt;
  }
  std::optional<uint64_t> number(std::string_view name, int base = 10) const {
    const auto text = field(name);
    return text ? parse_number<uint64_t>(*text, base) : std::nullopt;
  }

 private:
  std::string_view text_;
};

// --- ids: the kernel shows them in our user namespace ---

using IdMap = std::vector<oci::IdMapping>;

Result<IdMap> read_map(const DirFd& procfs, pid_t pid, const char* name) {
  HF_TRY(const std::string text, read_proc(procfs, fmt::format("{}/{}", pid, name)));
  IdMap map;
  for (const auto line : split(trim(text), '\n')) {
    const auto fields = numbers(line);
    if (fields.size() != 3) return error("{}: unexpected line {}", name, line);
    map.push_back({static_cast<uint32_t>(fields[0]), static_cast<uint32_t>(fields[1]),
                   static_cast<uint32_t>(fields[2])});
  }
  return map;
}

std::string in_words(IdMap map) {
  std::sort(map.begin(), map.end(),
            [](const auto& a, const auto& b) { return a.container_id < b.container_id; });
  std::vector<std::string> parts;
  for (const auto& each : map)
    parts.push_back(fmt::format("{}:{}:{}", each.container_id, each.host_id, each.size));
  return join(parts, ",");
}

struct IdMaps {
  bool identity = true;
  IdMap uids, gids;
};

uint64_t to_host(const IdMaps& maps, const IdMap& map, uint32_t id) {
  if (maps.identity) return id;
  for (const auto& each : map)
    if (id >= each.container_id && id - each.container_id < each.size)
      return uint64_t{each.host_id} + (id - each.container_id);
  return UINT64_MAX;  // equal to no id
}

Result<IdMaps> check_maps(Mismatches& all, const DirFd& procfs, pid_t pid, const Plan& plan) {
  const oci::Namespace* user = find_namespace(plan, oci::NamespaceType::kUser);
  if (!user) return IdMaps{};
  IdMaps maps;
  maps.identity = false;
  HF_TRY(maps.uids, read_map(procfs, pid, "uid_map"));
  HF_TRY(maps.gids, read_map(procfs, pid, "gid_map"));
  // One that is joined has the mappings of whoever made it. Where the root is mapped like it they are known.
  if (!user->path.empty() && !plan.rootfs_idmap) return maps;
  if (in_words(maps.uids) != in_words(plan.uid_mappings))
    differ(all, "uid_map {} instead of {}", in_words(maps.uids), in_words(plan.uid_mappings));
  if (in_words(maps.gids) != in_words(plan.gid_mappings))
    differ(all, "gid_map {} instead of {}", in_words(maps.gids), in_words(plan.gid_mappings));
  return maps;
}

// Real, effective, saved and file system id.
void check_id(Mismatches& all, const StatusFile& status, std::string_view field, uint64_t wanted) {
  const auto shown = status.field(field);
  if (!shown || numbers(*shown) != std::vector<uint64_t>(4, wanted))
    differ(all, "{} {} instead of {}", field, shown.value_or("unknown"), wanted);
}

void check_groups(Mismatches& all, const StatusFile& status, const IdMaps& maps, const Plan& plan,
                  const oci::User& user) {
  // Where setgroups is denied (rootless) the caller's groups stay, and the plan names none.
  if (plan.rootless && user.additional_gids.empty()) return;
  std::vector<uint64_t> wanted;
  for (const uint32_t gid : user.additional_gids) wanted.push_back(to_host(maps, maps.gids, gid));
  auto shown = numbers(status.field("Groups").value_or(""));
  for (auto* list : {&wanted, &shown}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  if (wanted != shown)
    differ(all, "groups {} instead of {} additional ones",
           status.field("Groups").value_or("unknown"), wanted.size());
}

// --- what holds the process down ---

void check_capabilities(Mismatches& all, const StatusFile& status, const CapabilitySets& sets) {
  const std::array<std::pair<std::string_view, uint64_t>, 5> expected{{{"CapBnd", sets.bounding},
                                                                       {"CapEff", sets.effective},
                                                                       {"CapPrm", sets.permitted},
                                                                       {"CapInh", sets.inheritable},
                                                                       {"CapAmb", sets.ambient}}};
  for (const auto& [field, wanted] : expected) {
    const auto shown = status.number(field, 16);
    if (shown == wanted) continue;
    if (!shown) {
      differ(all, "{} unknown", field);
      continue;
    }
    const auto more = capability_list(*shown & ~wanted), less = capability_list(wanted & ~*shown);
    differ(all, "{} {:x} instead of {:x}{}{}", field, *shown, wanted,
           more.empty() ? "" : " (more: " + join(more, ", ") + ")",
           less.empty() ? "" : " (less: " + join(less, ", ") + ")");
  }
}

void check_seccomp(Mismatches& all, const StatusFile& status, const Plan& plan,
                   const ProcessPlan& process, uint32_t filters_before) {
  // One that the caller brought along only tightens: a plan without it is not violated.
  if (process.no_new_privileges && status.number("NoNewPrivs") != 1)
    differ(all, "no_new_privs is not set");
  const uint64_t wanted = filters_before + plan.filters.size();
  if (wanted == 0) {
    if (status.number("Seccomp") != 0) differ(all, "seccomp is on without a filter of the plan");
    return;
  }
  constexpr uint64_t kModeFilter = 2;
  if (status.number("Seccomp") != kModeFilter) differ(all, "seccomp is not in filter mode");
  // Linux 5.9 tells how many there are.
  const auto shown = status.number("Seccomp_filters");
  if (shown && *shown != wanted) differ(all, "{} seccomp filters instead of {}", *shown, wanted);
}

// --- limits ---

// "Max open files            1024                 4096                 files"
Result<std::optional<rlimit64>> limit_from_file(const DirFd& procfs, pid_t pid, int number) {
  // In the order of fs/proc/base.c, which is that of the numbers.
  static constexpr std::array<std::pair<int, std::string_view>, 16> kNames{
      {{RLIMIT_CPU, "Max cpu time"},
       {RLIMIT_FSIZE, "Max file size"},
       {RLIMIT_DATA, "Max data size"},
       {RLIMIT_STACK, "Max stack size"},
       {RLIMIT_CORE, "Max core file size"},
       {RLIMIT_RSS, "Max resident set"},
       {RLIMIT_NPROC, "Max processes"},
       {RLIMIT_NOFILE, "Max open files"},
       {RLIMIT_MEMLOCK, "Max locked memory"},
       {RLIMIT_AS, "Max address space"},
       {RLIMIT_LOCKS, "Max file locks"},
       {RLIMIT_SIGPENDING, "Max pending signals"},
       {RLIMIT_MSGQUEUE, "Max msgqueue size"},
       {RLIMIT_NICE, "Max nice priority"},
       {RLIMIT_RTPRIO, "Max realtime priority"},
       {RLIMIT_RTTIME, "Max realtime timeout"}}};
  HF_TRY(const std::string text, read_proc(procfs, fmt::format("{}/limits", pid)));
  for (const auto& [known, name] : kNames) {
    if (known != number) continue;
    for (const auto line : split(text, '\n')) {
      if (!line.starts_with(name)) continue;
      std::vector<uint64_t> values;
      for (const auto part : split(line.substr(name.size()), ' ')) {
        const auto value = part == "unlimited" ? std::optional<uint64_t>(RLIM64_INFINITY)
                                               : parse_number<uint64_t>(part);
        if (value) values.push_back(*value);
      }
      if (values.size() == 2) return std::optional(rlimit64{values[0], values[1]});
    }
  }
  return std::optional<rlimit64>();
}

Result<> check_limits(Mismatches& all, const DirFd& procfs, pid_t pid,
                      const std::vector<oci::Rlimit>& limits) {
  for (const auto& limit : limits) {
    const auto number = rlimit_number(limit.type);
    rlimit64 shown{};
    bool known = false;
    if (number) {
      known = ::prlimit64(pid, static_cast<__rlimit_resource>(*number), nullptr, &shown) == 0;
      // Another user's limits need CAP_SYS_RESOURCE to ask for, not to read.
      if (!known && errno == EPERM) {
        HF_TRY(const auto found, limit_from_file(procfs, pid, *number));
        known = found.has_value();
        if (known) shown = *found;
      }
    }
    if (!known)
      differ(all, "{} unknown", limit.type);
    else if (shown.rlim_cur != limit.soft || shown.rlim_max != limit.hard)
      differ(all, "{} {}:{} instead of {}:{}", limit.type, shown.rlim_cur, shown.rlim_max,
             limit.soft, limit.hard);
  }
  return {};
}

// --- single values ---

Result<> check_value(Mismatches& all, const DirFd& procfs, pid_t pid, const char* name,
                     std::string_view wanted) {
  HF_TRY(const std::string text, read_proc(procfs, fmt::format("{}/{}", pid, name), 65536));
  std::string_view shown = trim(text);
  while (shown.ends_with('\0')) shown.remove_suffix(1);
  if (shown != wanted) differ(all, "{} {} instead of {}", name, shown, wanted);
  return {};
}

Result<> check_all(Mismatches& all, const DirFd& procfs, pid_t pid, const Plan& plan,
                   const ProcessPlan& process, uint32_t filters_before) {
  HF_TRY(const std::string text, read_proc(procfs, fmt::format("{}/status", pid), kStatusLimit));
  const StatusFile status(text);
  HF_TRY(const IdMaps maps, check_maps(all, procfs, pid, plan));
  check_id(all, status, "Uid", to_host(maps, maps.uids, process.user.uid));
  check_id(all, status, "Gid", to_host(maps, maps.gids, process.user.gid));
  check_groups(all, status, maps, plan, process.user);
  check_capabilities(all, status, process.capabilities);
  check_seccomp(all, status, plan, process, filters_before);
  HF_DO(check_limits(all, procfs, pid, process.rlimits));
  if (process.oom_score_adj)
    HF_DO(
        check_value(all, procfs, pid, "oom_score_adj", fmt::format("{}", *process.oom_score_adj)));
  if (!process.selinux_label.empty())
    HF_DO(check_value(all, procfs, pid, "attr/exec", process.selinux_label));
  return {};
}

}  // namespace

Result<> verify_process(pid_t pid, const Plan& plan, const ProcessPlan& process,
                        uint32_t filters_before) {
  HF_TRY(const DirFd procfs, with_context(host_procfs(), "verify"));
  Mismatches all;
  HF_DO(with_context(check_all(all, procfs, pid, plan, process, filters_before), "verify"));
  if (all.empty()) return {};
  return error("verify: the kernel does not show what was planned: {}", join(all, "; "));
}

Result<uint32_t> own_filter_count() {
  // Cheaper than formatting the file, and the answer nearly always.
  if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0) return 0;
  HF_TRY(const DirFd procfs, host_procfs());
  HF_TRY(const std::string text, read_proc(procfs, own_proc_path("status"), kStatusLimit));
  return static_cast<uint32_t>(StatusFile(text).number("Seccomp_filters").value_or(0));
}

}  // namespace holdfast
