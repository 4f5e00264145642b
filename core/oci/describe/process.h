// config.json: process, and exec's process.json (config.md#process).
#pragma once

#include "core/oci/describe/common.h"

namespace holdfast::oci {

inline constexpr json::Name<SchedulerPolicy> kSchedulerPolicies[] = {
    {"SCHED_OTHER", SchedulerPolicy::kOther},
    {"SCHED_FIFO", SchedulerPolicy::kFifo},
    {"SCHED_RR", SchedulerPolicy::kRr},
    {"SCHED_BATCH", SchedulerPolicy::kBatch},
    {"SCHED_ISO", SchedulerPolicy::kIso},
    {"SCHED_IDLE", SchedulerPolicy::kIdle},
    {"SCHED_DEADLINE", SchedulerPolicy::kDeadline}};
constexpr std::span<const json::Name<SchedulerPolicy>> json_names(SchedulerPolicy) {
  return kSchedulerPolicies;
}

inline constexpr std::string_view kSchedulerFlags[] = {
    "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM",     "SCHED_FLAG_DL_OVERRUN",
    "SCHED_FLAG_KEEP_POLICY",   "SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_UTIL_CLAMP_MIN",
    "SCHED_FLAG_UTIL_CLAMP_MAX"};

inline constexpr json::Name<IoPriorityClass> kIoPriorityClasses[] = {
    {"IOPRIO_CLASS_RT", IoPriorityClass::kRealtime},
    {"IOPRIO_CLASS_BE", IoPriorityClass::kBestEffort},
    {"IOPRIO_CLASS_IDLE", IoPriorityClass::kIdle}};
constexpr std::span<const json::Name<IoPriorityClass>> json_names(IoPriorityClass) {
  return kIoPriorityClasses;
}

template <class V>
void describe(V& v, ConsoleSize& c) {
  v.required("height", c.height);
  v.required("width", c.width);
}

template <class V>
void describe(V& v, User& u) {
  v.always("uid", u.uid);
  v.always("gid", u.gid);
  v.field("umask", u.umask);
  v.field("additionalGids", u.additional_gids);
}

template <class V>
void describe(V& v, Capabilities& c) {
  v.field("bounding", c.bounding);
  v.field("effective", c.effective);
  v.field("inheritable", c.inheritable);
  v.field("permitted", c.permitted);
  v.field("ambient", c.ambient);
}

inline constexpr std::string_view kRlimits[] = {
    "RLIMIT_AS",     "RLIMIT_CORE",   "RLIMIT_CPU",        "RLIMIT_DATA",
    "RLIMIT_FSIZE",  "RLIMIT_LOCKS",  "RLIMIT_MEMLOCK",    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",   "RLIMIT_NOFILE", "RLIMIT_NPROC",      "RLIMIT_RSS",
    "RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK"};

template <class V>
void describe(V& v, Rlimit& r) {
  v.required("type", r.type);
  v.required("hard", r.hard);
  v.required("soft", r.soft);
  if constexpr (V::kDecodes) {
    v.check(one_of(r.type, kRlimits), "type", "unknown value " + json::quoted(r.type, 64));
    v.check(r.soft <= r.hard || !v.intact("hard"), "soft", "above the hard limit");
  }
}

template <class V>
void describe(V& v, Scheduler& s) {
  v.required("policy", s.policy);
  v.field("nice", s.nice);
  v.field("priority", s.priority);
  v.field("flags", s.flags);
  v.field("runtime", s.runtime);
  v.field("deadline", s.deadline);
  v.field("period", s.period);
  check_known(v, "flags", s.flags, kSchedulerFlags);
  if (!v.intact("policy")) return;
  const bool fair = s.policy == SchedulerPolicy::kOther || s.policy == SchedulerPolicy::kBatch;
  const bool realtime = s.policy == SchedulerPolicy::kFifo || s.policy == SchedulerPolicy::kRr;
  const bool deadline = s.policy == SchedulerPolicy::kDeadline;
  v.check(s.nice == 0 || fair, "nice", "only for SCHED_OTHER and SCHED_BATCH");
  v.check(s.nice >= -20 && s.nice <= 19, "nice", "expected integer in range -20 to 19");
  v.check(s.priority == 0 || realtime, "priority", "only for SCHED_FIFO and SCHED_RR");
  v.check(s.runtime == 0 || deadline, "runtime", "only for SCHED_DEADLINE");
  v.check(s.deadline == 0 || deadline, "deadline", "only for SCHED_DEADLINE");
  v.check(s.period == 0 || deadline, "period", "only for SCHED_DEADLINE");
}

template <class V>
void describe(V& v, IoPriority& p) {
  v.required("class", p.io_class);
  v.always("priority", p.priority);
  v.check(p.priority >= 0 && p.priority <= 7, "priority", "expected integer in range 0 to 7");
}

template <class V>
void describe(V& v, ExecCpuAffinity& a) {
  v.field("initial", a.initial);
  v.field("final", a.final);
  v.check(is_number_list(a.initial), "initial", "expected a list of CPUs such as \"0-3,7\"");
  v.check(is_number_list(a.final), "final", "expected a list of CPUs such as \"0-3,7\"");
}

template <class V>
void describe(V& v, Process& p) {
  v.field("terminal", p.terminal);
  v.field("consoleSize", p.console_size);
  v.field("user", p.user);
  v.required("args", p.args);
  v.field("env", p.env);
  v.required("cwd", p.cwd);
  v.field("capabilities", p.capabilities);
  v.field("rlimits", p.rlimits);
  v.field("noNewPrivileges", p.no_new_privileges);
  v.field("apparmorProfile", p.apparmor_profile);
  v.field("oomScoreAdj", p.oom_score_adj);
  v.field("scheduler", p.scheduler);
  v.field("selinuxLabel", p.selinux_label);
  v.field("ioPriority", p.io_priority);
  v.field("execCPUAffinity", p.exec_cpu_affinity);
  if constexpr (V::kDecodes) {
    v.check(!p.args.empty(), "args", "must not be empty");
    v.check(is_absolute(p.cwd), "cwd", "expected an absolute path");
    uint32_t seen = 0;
    for (size_t i = 0; i < p.rlimits.size(); ++i) {
      const auto at = std::find(std::begin(kRlimits), std::end(kRlimits), p.rlimits[i].type);
      const uint32_t bit = 1u << (at - std::begin(kRlimits));
      v.check(at == std::end(kRlimits) || !(seen & bit), "rlimits", i, "listed twice");
      seen |= bit;
    }
    const int32_t adjustment = p.oom_score_adj.value_or(0);
    v.check(adjustment >= -1000 && adjustment <= 1000, "oomScoreAdj",
            "expected integer in range -1000 to 1000");
  }
}

}  // namespace holdfast::oci
