// Reading back: what the kernel says of a process against what the plan says.
//
//   HF_TRY(uint32_t before, own_filter_count());
//   HF_TRY(Findings found, examine_process({.pid = init, .plan = plan, .process = plan.process,
//                                           .filters_before = before,
//                                           .self_checked = reported}));
//   HF_DO(found.verdict());
//   // "verify: the kernel does not show what was planned: Uid 0 0 0 0 instead of 1000; ..."
//
// All of it is read through the host's procfs, whose magic is checked. What procfs does not show (the
// AppArmor label for exec, the Landlock domain, MDWE) the process has checked itself and reported.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan/plan.h"
#include "sandbox/kernel/cgroup.h"

namespace holdfast {

// What procfs does not show of a process and only the process itself can have checked, as it reports
// when it is ready.
enum SelfCheck : uint32_t {
  kLandlockEntered = 1 << 0,  // an execution was denied that had been possible before
  kMdweSet = 1 << 1,
  kAppArmorOnExec = 1 << 2,
};

enum class Moment {
  kParked,  // everything is applied and nothing of the container has run: all is as planned
  kRunning  // the program may have given up rights since, never gained any
};

struct Examinee {
  pid_t pid = 0;
  const Plan& plan;
  const ProcessPlan& process;
  const CgroupRecord* cgroups = nullptr;  // null: not looked at
  // How many filters a process of this runtime already had (Seccomp_filters of ourselves).
  uint32_t filters_before = 0;
  uint32_t self_checked = 0;  // as the process reported it: SelfCheck
  // A further process: the container's first one, whose namespaces it is in. 0: it is the first.
  pid_t init = 0;
  Moment moment = Moment::kParked;
  // What namespaces it had when it was verified before: those that it joined must still be the same.
  // Absent: as the plan's paths say now.
  const std::map<std::string, std::string>* namespaces = nullptr;
  // The host's, from host_procfs(); null: opened for the occasion.
  const DirFd* procfs = nullptr;
};

enum class Finding {
  kHolds,
  kDiffers,
  kReported,  // the process's own word
  kUnseen     // not shown to us: rootless, and the process is not dumpable before its program runs
};

// What was looked at, one entry for each protection that the plan has.
class Findings {
 public:
  struct Entry {
    std::string_view item;  // "capabilities"
    Finding finding = Finding::kHolds;
    std::string detail;  // what differs
  };

  // The item is looked at now: it holds unless something differs.
  void begin(std::string_view item) { entries_.push_back({item, Finding::kHolds, {}}); }
  template <class... Args>
  void differ(fmt::format_string<Args...> format, Args&&... args) {
    note_difference(fmt::format(format, std::forward<Args>(args)...));
  }
  // Not shown to us, unless a difference was before.
  void unseen();
  // Not to be seen from outside: the process's own word, or its absence.
  void reported(std::string_view item, bool word, std::string_view absence);

  const std::vector<Entry>& entries() const { return entries_; }
  // The error that tells of all differences, if there is one.
  Result<> verdict() const;
  void append(Findings further);

  // Of the process, for each type that the plan names: {"net", "net:[4026531840]"}.
  std::map<std::string, std::string> namespaces;

 private:
  void note_difference(std::string text);

  std::vector<Entry> entries_;
};

// Both: an error only where the process cannot be looked at.
//
// Where it is: namespaces, cgroups, mounts. They can be looked at while the process still works on
// itself.
Result<Findings> examine_places(const Examinee& subject);
// What it is: all the rest.
Result<Findings> examine_process(const Examinee& subject);

// Seccomp_filters of the caller; 0 where the kernel does not tell (before 5.9).
Result<uint32_t> own_filter_count();

}  // namespace holdfast
