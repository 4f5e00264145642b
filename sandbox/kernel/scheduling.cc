#include <sched.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

constexpr uint32_t kMaxCpus = 8192;  // NR_CPUS of the largest distribution kernels

// struct sched_attr, SCHED_ATTR_SIZE_VER0 of sched_setattr(2): glibc 2.36 has none, and
// linux/sched/types.h clashes with its sched.h.
struct SchedulerAttributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};
static_assert(sizeof(SchedulerAttributes) == 48);

struct NamedFlag {
  std::string_view name;
  uint64_t value;
};
constexpr std::array<NamedFlag, 7> kSchedulerFlags{{{"SCHED_FLAG_RESET_ON_FORK", 0x01},
                                                    {"SCHED_FLAG_RECLAIM", 0x02},
                                                    {"SCHED_FLAG_DL_OVERRUN", 0x04},
                                                    {"SCHED_FLAG_KEEP_POLICY", 0x08},
                                                    {"SCHED_FLAG_KEEP_PARAMS", 0x10},
                                                    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
                                                    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}}};

struct Policy {
  uint32_t number;
  std::string_view name;
};
Policy policy_of(oci::SchedulerPolicy policy) {
  switch (policy) {
    case oci::SchedulerPolicy::kOther:
      return {0, "SCHED_OTHER"};
    case oci::SchedulerPolicy::kFifo:
      return {1, "SCHED_FIFO"};
    case oci::SchedulerPolicy::kRr:
      return {2, "SCHED_RR"};
    case oci::SchedulerPolicy::kBatch:
      return {3, "SCHED_BATCH"};
    case oci::SchedulerPolicy::kIso:
      return {4, "SCHED_ISO"};
    case oci::SchedulerPolicy::kIdle:
      return {5, "SCHED_IDLE"};
    case oci::SchedulerPolicy::kDeadline:
      return {6, "SCHED_DEADLINE"};
  }
  return {0, "SCHED_OTHER"};
}

// "3" or "0-3".
std::optional<std::pair<uint32_t, uint32_t>> parse_range(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = parse_number<uint32_t>(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : parse_number<uint32_t>(text.substr(dash + 1));
  if (!first || !last || *last < *first || *last >= kMaxCpus) return std::nullopt;
  return std::pair(*first, *last);
}

}  // namespace

std::optional<uint64_t> scheduler_flag(std::string_view name) {
  for (const auto& flag : kSchedulerFlags)
    if (flag.name == name) return flag.value;
  return std::nullopt;
}

Result<> set_scheduler(const oci::Scheduler& scheduler) {
  const Policy policy = policy_of(scheduler.policy);
  SchedulerAttributes attributes{};
  attributes.size = sizeof attributes;
  attributes.policy = policy.number;
  attributes.nice = scheduler.nice;
  attributes.priority = static_cast<uint32_t>(scheduler.priority);
  attributes.runtime = scheduler.runtime;
  attributes.deadline = scheduler.deadline;
  attributes.period = scheduler.period;
  for (const auto& name : scheduler.flags) {
    const auto flag = scheduler_flag(name);
    if (!flag) return error("set scheduler {}: unknown flag {}", policy.name, name);
    attributes.flags |= *flag;
  }
  if (::syscall(SYS_sched_setattr, 0, &attributes, 0) != 0)
    return os_error("set scheduler {} (nice {}, priority {})", policy.name, scheduler.nice,
                    scheduler.priority);
  return {};
}

Result<> set_io_priority(const oci::IoPriority& priority) {
  // IOPRIO_CLASS_RT, _BE, _IDLE are 1, 2, 3; ioprio_set(2).
  const int io_class = static_cast<int>(priority.io_class) + 1;
  static_assert(static_cast<int>(oci::IoPriorityClass::kRealtime) == 0 &&
                static_cast<int>(oci::IoPriorityClass::kIdle) == 2);
  constexpr int kWhoProcess = 1, kClassShift = 13, kLevels = 8;
  if (priority.priority < 0 || priority.priority >= kLevels)
    return error("set io priority {}: not in 0 to 7", priority.priority);
  if (::syscall(SYS_ioprio_set, kWhoProcess, 0, io_class << kClassShift | priority.priority) != 0)
    return os_error("set io priority class {} level {}", io_class, priority.priority);
  return {};
}

Result<std::vector<uint64_t>> parse_cpu_list(std::string_view list) {
  std::vector<uint64_t> words;
  for (const auto part : split(list, ',')) {
    const auto range = parse_range(part);
    if (!range) return error("\"{}\" is not a list of CPUs", list);
    if (words.size() < range->second / 64 + 1) words.resize(range->second / 64 + 1);
    for (uint32_t cpu = range->first; cpu <= range->second; ++cpu)
      words[cpu / 64] |= uint64_t{1} << cpu % 64;
  }
  if (words.empty()) return error("an empty list of CPUs");
  return words;
}

Result<> set_cpu_affinity(const std::string& cpus) {
  HF_TRY(const auto words, with_context(parse_cpu_list(cpus), "set cpu affinity"));
  if (::syscall(SYS_sched_setaffinity, 0, words.size() * sizeof words[0], words.data()) != 0)
    return os_error("set cpu affinity {}", cpus);
  return {};
}

Result<> set_personality(const oci::Personality& personality) {
  if (!personality.flags.empty())
    return error("set personality: the specification defines no flags, got {}",
                 join(personality.flags, ", "));
  unsigned long domain = 0;
  if (personality.domain == "LINUX")
    domain = PER_LINUX;
  else if (personality.domain == "LINUX32")
    domain = PER_LINUX32;
  else
    return error("set personality: unknown domain {}", personality.domain);
  if (::personality(domain) < 0) return os_error("set personality {}", personality.domain);
  return {};
}

}  // namespace holdfast
