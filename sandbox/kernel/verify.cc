#include "sandbox/kernel/verify.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/plan/capability_names.h"
#include "sandbox/kernel/apparmor.h"
#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"
#include "sandbox/kernel/verify_internal.h"

namespace holdfast {

namespace verify {

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

std::optional<std::string_view> StatusFile::field(std::string_view name) const {
  for (size_t at = 0; at < text_.size();) {
    const size_t end = std::min(text_.find('\n', at), text_.size());
    const std::string_view line = text_.substr(at, end - at);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
      return trim(line.substr(name.size() + 1));
    at = end + 1;
  }
  return std::nullopt;
}

std::optional<uint64_t> StatusFile::number(std::string_view name, int base) const {
  const auto text = field(name);
  return text ? parse_number<uint64_t>(*text, base) : std::nullopt;
}

bool may_be_unseen(const Examinee& subject) {
  if (subject.plan.rootless || ::geteuid() != 0) return true;
  const auto held = own_capabilities();
  return held && (held->effective & uint64_t{1} << CAP_SYS_PTRACE) == 0;
}

Result<> unless_unseen(Findings& found, const Examinee& subject, Result<> looked) {
  if (looked || (looked.error().code != EACCES && looked.error().code != EPERM)) return looked;
  if (!may_be_unseen(subject)) return looked;
  found.unseen();
  return {};
}

}  // namespace verify

namespace {

using verify::StatusFile;

constexpr size_t kStatusLimit = 1 << 20;  // 65536 groups fit

// --- what holds the process down ---

// What execve makes of the sets at most (capabilities(7)): root and files with capabilities get the
// bounding set, unless no_new_privs keeps them from gaining anything.
CapabilitySets most_after_execve(const ProcessPlan& process) {
  CapabilitySets sets = process.capabilities;
  sets.permitted |= sets.ambient;
  if (!process.no_new_privileges) sets.permitted |= sets.bounding | sets.inheritable;
  sets.effective = sets.permitted;
  return sets;
}

void examine_capabilities(Findings& found, const Examinee& subject, const StatusFile& status) {
  found.begin("capabilities");
  const bool running = subject.moment == Moment::kRunning;
  const CapabilitySets sets =
      running ? most_after_execve(subject.process) : subject.process.capabilities;
  const std::array<std::pair<std::string_view, uint64_t>, 5> expected{{{"CapBnd", sets.bounding},
                                                                       {"CapEff", sets.effective},
                                                                       {"CapPrm", sets.permitted},
                                                                       {"CapInh", sets.inheritable},
                                                                       {"CapAmb", sets.ambient}}};
  for (const auto& [field, wanted] : expected) {
    const auto shown = status.number(field, 16);
    if (!shown) {
      found.differ("{} unknown", field);
      continue;
    }
    const uint64_t more = *shown & ~wanted, less = running ? 0 : wanted & ~*shown;
    if ((more | less) == 0) continue;
    found.differ("{} {:x} instead of {:x}{}{}", field, *shown, wanted,
                 more ? " (more: " + join(capability_list(more), ", ") + ")" : "",
                 less ? " (less: " + join(capability_list(less), ", ") + ")" : "");
  }
}

void examine_no_new_privileges(Findings& found, const Examinee& subject, const StatusFile& status) {
  // One that the caller brought along only tightens: a plan without it is not violated.
  if (!subject.process.no_new_privileges) return;
  found.begin("noNewPrivileges");
  if (status.number("NoNewPrivs") != 1) found.differ("no_new_privs is not set");
}

void examine_seccomp(Findings& found, const Examinee& subject, const StatusFile& status) {
  const uint64_t wanted = subject.filters_before + subject.plan.filters.size();
  const bool running = subject.moment == Moment::kRunning;
  if (wanted == 0 && running) return;
  found.begin("seccomp");
  if (wanted == 0) {
    if (status.number("Seccomp") != 0) found.differ("seccomp is on without a filter of the plan");
    return;
  }
  constexpr uint64_t kModeFilter = 2;
  if (status.number("Seccomp") != kModeFilter) found.differ("seccomp is not in filter mode");
  // Linux 5.9 tells how many there are; a program may add some of its own.
  const auto shown = status.number("Seccomp_filters");
  if (shown && (*shown < wanted || (*shown > wanted && !running)))
    found.differ("{} seccomp filters instead of {}", *shown, wanted);
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

Result<std::optional<rlimit64>> shown_limit(const DirFd& procfs, pid_t pid,
                                            const std::string& type) {
  const auto number = rlimit_number(type);
  if (!number) return std::optional<rlimit64>();
  rlimit64 shown{};
  if (::prlimit64(pid, static_cast<__rlimit_resource>(*number), nullptr, &shown) == 0)
    return std::optional(shown);
  // Another user's limits need CAP_SYS_RESOURCE to ask for, not to read.
  if (errno == EPERM) return limit_from_file(procfs, pid, *number);
  return std::optional<rlimit64>();
}

Result<> examine_limits(Findings& found, const Examinee& subject, const DirFd& procfs) {
  if (subject.process.rlimits.empty()) return {};
  found.begin("rlimits");
  for (const auto& limit : subject.process.rlimits) {
    HF_TRY(const auto shown, shown_limit(procfs, subject.pid, limit.type));
    if (!shown) {
      found.differ("{} unknown", limit.type);
      continue;
    }
    // A program may lower its own.
    const bool holds = subject.moment == Moment::kRunning
                           ? shown->rlim_max <= limit.hard
                           : shown->rlim_cur == limit.soft && shown->rlim_max == limit.hard;
    if (!holds)
      found.differ("{} {}:{} instead of {}:{}", limit.type, shown->rlim_cur, shown->rlim_max,
                   limit.soft, limit.hard);
  }
  return {};
}

// --- single values ---

Result<std::string> value_of(const DirFd& procfs, pid_t pid, const char* name) {
  HF_TRY(const std::string text, read_proc(procfs, fmt::format("{}/{}", pid, name), 65536));
  std::string_view shown = trim(text);
  while (shown.ends_with('\0')) shown.remove_suffix(1);
  return std::string(shown);
}

Result<> examine_oom_score(Findings& found, const Examinee& subject, const DirFd& procfs) {
  const auto& wanted = subject.process.oom_score_adj;
  if (!wanted) return {};
  found.begin("oomScoreAdj");
  HF_TRY(const std::string shown, value_of(procfs, subject.pid, "oom_score_adj"));
  // Raising one's own is free.
  const auto number = parse_number<int32_t>(shown);
  const bool higher = subject.moment == Moment::kRunning && number && *number > *wanted;
  if (number != wanted && !higher) found.differ("oom_score_adj {} instead of {}", shown, *wanted);
  return {};
}

// Whether each profile of the stack "a//&b" is in the other one; "(enforce)" behind it aside.
bool is_confined_by(std::string_view shown, std::string_view wanted) {
  shown = shown.substr(0, shown.rfind(" ("));
  const auto parts = [](std::string_view stack) {
    std::vector<std::string_view> found;
    for (size_t at; (at = stack.find("//&")) != stack.npos; stack.remove_prefix(at + 3))
      found.push_back(stack.substr(0, at));
    found.push_back(stack);
    return found;
  };
  const auto held = parts(shown);
  for (const std::string_view each : parts(wanted))
    if (std::find(held.begin(), held.end(), each) == held.end()) return false;
  return true;
}

Result<> examine_labels(Findings& found, const Examinee& subject, const DirFd& procfs) {
  const bool running = subject.moment == Moment::kRunning;
  if (const std::string& label = subject.process.selinux_label; !label.empty()) {
    const char* name = running ? "attr/current" : "attr/exec";
    found.begin("seLinux");
    HF_TRY(const std::string shown, value_of(procfs, subject.pid, name));
    if (shown != label) found.differ("{} {} instead of {}", name, shown, label);
  }
  const std::string& profile = subject.process.apparmor_profile;
  if (profile.empty()) return {};
  // The label for the next execve is told to the process alone.
  if (!running) {
    found.reported("appArmor", (subject.self_checked & kAppArmorOnExec) != 0,
                   "the AppArmor profile was not set");
    return {};
  }
  if (profile == "unconfined") return {};
  found.begin("appArmor");
  // Ours holds whatever the engine's rules make of theirs.
  if (profile.find("holdfast-") != profile.npos) {
    const auto held = verify_apparmor(subject.pid, profile);
    if (!held) found.differ("{}", held.error().message);
    return {};
  }
  HF_TRY(const std::string shown, value_of(procfs, subject.pid, "attr/current"));
  if (!is_confined_by(shown, profile))
    found.differ("attr/current {} instead of {}", shown, profile);
  return {};
}

void examine_reports(Findings& found, const Examinee& subject) {
  if (subject.plan.landlock)
    found.reported("landlock", (subject.self_checked & kLandlockEntered) != 0,
                   "the Landlock domain was not entered");
  if (subject.process.mdwe)
    found.reported("mdwe", (subject.self_checked & kMdweSet) != 0, "MDWE was not set");
}

Result<> examine(Findings& found, const Examinee& subject, const DirFd& procfs) {
  HF_TRY(const std::string text,
         read_proc(procfs, fmt::format("{}/status", subject.pid), kStatusLimit));
  const StatusFile status(text);
  HF_DO(verify::examine_identity(found, subject, procfs, text));
  examine_capabilities(found, subject, status);
  examine_no_new_privileges(found, subject, status);
  examine_seccomp(found, subject, status);
  HF_DO(examine_limits(found, subject, procfs));
  HF_DO(examine_oom_score(found, subject, procfs));
  HF_DO(examine_labels(found, subject, procfs));
  examine_reports(found, subject);
  return {};
}

Result<> look_around(Findings& found, const Examinee& subject, const DirFd& procfs) {
  HF_DO(verify::examine_namespaces(found, subject, procfs));
  HF_DO(verify::examine_cgroups(found, subject, procfs));
  HF_DO(verify::examine_network(found, subject, procfs));
  return verify::examine_mounts(found, subject, procfs);
}

using Look = Result<>(Findings&, const Examinee&, const DirFd&);

Result<Findings> findings_of(Look& look, const Examinee& subject) {
  Findings found;
  if (subject.procfs) {
    HF_DO(with_context(look(found, subject, *subject.procfs), "verify"));
    return found;
  }
  HF_TRY(const DirFd procfs, host_procfs());
  HF_DO(with_context(look(found, subject, procfs), "verify"));
  return found;
}

}  // namespace

void Findings::note_difference(std::string text) {
  Entry& entry = entries_.back();
  entry.finding = Finding::kDiffers;
  if (!entry.detail.empty()) entry.detail += "; ";
  entry.detail += text;
}

void Findings::unseen() {
  Entry& entry = entries_.back();
  if (entry.finding != Finding::kDiffers)
    entry = {entry.item, Finding::kUnseen, "the kernel does not show it to this user"};
}

void Findings::reported(std::string_view item, bool word, std::string_view absence) {
  begin(item);
  entries_.back().finding = Finding::kReported;
  if (!word) note_difference(std::string(absence));
}

Result<> Findings::verdict() const {
  std::vector<std::string> differences;
  for (const Entry& each : entries_)
    if (each.finding == Finding::kDiffers) differences.push_back(each.detail);
  if (differences.empty()) return {};
  return error("verify: the kernel does not show what was planned: {}", join(differences, "; "));
}

void Findings::append(Findings further) {
  for (Entry& each : further.entries_) entries_.push_back(std::move(each));
  namespaces.merge(further.namespaces);
}

Result<Findings> examine_places(const Examinee& subject) {
  return findings_of(look_around, subject);
}

Result<Findings> examine_process(const Examinee& subject) { return findings_of(examine, subject); }

Result<uint32_t> own_filter_count() {
  // Cheaper than formatting the file, and the answer nearly always.
  if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0) return 0;
  HF_TRY(const DirFd procfs, host_procfs());
  HF_TRY(const std::string text, read_proc(procfs, own_proc_path("status"), kStatusLimit));
  return static_cast<uint32_t>(StatusFile(text).number("Seccomp_filters").value_or(0));
}

}  // namespace holdfast
