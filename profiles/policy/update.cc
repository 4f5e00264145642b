#include <algorithm>

#include "profiles/policy/context.h"
#include "profiles/policy/resources.h"

namespace holdfast {
namespace {

// Engines write 0 for what they leave alone.
template <class T>
void drop_zero(std::optional<T>& value) {
  if (value && *value == 0) value.reset();
}

oci::Resources without_zeros(oci::Resources asked) {
  if (asked.memory) {
    drop_zero(asked.memory->limit);
    drop_zero(asked.memory->reservation);
    drop_zero(asked.memory->swap);
    drop_zero(asked.memory->kernel);
    drop_zero(asked.memory->kernel_tcp);
  }
  if (asked.cpu) {
    drop_zero(asked.cpu->shares);
    drop_zero(asked.cpu->period);
    drop_zero(asked.cpu->quota);
    drop_zero(asked.cpu->realtime_period);
    drop_zero(asked.cpu->realtime_runtime);
  }
  if (asked.block_io) {
    drop_zero(asked.block_io->weight);
    drop_zero(asked.block_io->leaf_weight);
  }
  if (asked.pids) {
    drop_zero(asked.pids->limit);
    if (!asked.pids->limit) asked.pids.reset();
  }
  return asked;
}

bool was_privileged(const Plan& plan) {
  for (const Decision& each : plan.decisions)
    if (each.rule == rule_of(RuleId::kPrivileged).id) return true;
  return false;
}

template <class T>
void take_changed(std::optional<T>& out, const std::optional<T>& before,
                  const std::optional<T>& after) {
  if (after != before || out) out = after;
}

// A field that a control file's text had hidden and that is to count now is written again.
oci::Resources without_hidden(oci::Resources before, const oci::Resources& after) {
  const auto uncovered = [&](const std::string& file) {
    return before.unified.contains(file) && !after.unified.contains(file);
  };
  if (before.memory && uncovered("memory.max")) before.memory->limit.reset();
  if (before.memory && uncovered("memory.swap.max")) before.memory->swap.reset();
  if (before.cpu && uncovered("cpu.max")) {
    before.cpu->quota.reset();
    before.cpu->period.reset();
  }
  if (uncovered("pids.max")) before.pids.reset();
  std::erase_if(before.hugepage_limits, [&](const oci::HugepageLimit& each) {
    return uncovered("hugetlb." + each.page_size + ".max") ||
           uncovered("hugetlb." + each.page_size + ".rsvd.max");
  });
  return before;
}

// `out` is what was asked for; it becomes what leads from the stored limits to those judged.
void take_changes(oci::Resources& out, const oci::Resources& before, const oci::Resources& after) {
  const oci::MemoryResources no_memory;
  const oci::CpuResources no_cpu;
  if (after.memory) {
    if (!out.memory) out.memory.emplace();
    const auto& old = before.memory ? *before.memory : no_memory;
    take_changed(out.memory->limit, old.limit, after.memory->limit);
    take_changed(out.memory->swap, old.swap, after.memory->swap);
  }
  if (after.cpu) {
    if (!out.cpu) out.cpu.emplace();
    const auto& old = before.cpu ? *before.cpu : no_cpu;
    take_changed(out.cpu->quota, old.quota, after.cpu->quota);
    take_changed(out.cpu->period, old.period, after.cpu->period);
    take_changed(out.cpu->burst, old.burst, after.cpu->burst);
  }
  if (after.pids && (out.pids || !before.pids || after.pids->limit != before.pids->limit))
    out.pids = after.pids;
  if (out.block_io) out.block_io = after.block_io;
  for (const oci::HugepageLimit& judged : after.hugepage_limits) {
    const auto same = [&](const auto& each) { return each.page_size == judged.page_size; };
    std::erase_if(out.hugepage_limits, same);
    const auto old =
        std::find_if(before.hugepage_limits.begin(), before.hugepage_limits.end(), same);
    if (old == before.hugepage_limits.end() || old->limit != judged.limit)
      out.hugepage_limits.push_back(judged);
  }
  std::erase_if(out.unified, [&](const auto& each) { return !after.unified.contains(each.first); });
  for (const auto& [file, value] : after.unified) {
    const auto old = before.unified.find(file);
    if (out.unified.contains(file) || old == before.unified.end() || old->second != value)
      out.unified[file] = value;
  }
}

}  // namespace

Result<Update> resolve_update(const Plan& stored, const oci::Resources& asked,
                              const Policy& current, HostFacts::Cgroup mode) {
  Update update;
  update.changes = without_zeros(asked);
  // The device rules of a container are decided when it is created.
  update.changes.devices.clear();
  update.limits = merge_resources(stored.cgroup.resources, update.changes);
  Judge judge(current);
  const LimitsHolder holder{.v2 = mode == HostFacts::Cgroup::kV2,
                            .privileged = was_privileged(stored)};
  for (const LimitControl& control : limit_controls(judge.profile().limits))
    // What was not limited until now, and is not asked to be, stays so.
    if (control.touched(update.changes) && control.asked(update.limits))
      judge_limit(judge, control, holder, update.limits);
  if (auto refusal = judge.refusal()) return Failure(std::move(*refusal));
  take_changes(update.changes, without_hidden(stored.cgroup.resources, update.limits),
               update.limits);
  update.decisions = judge.take_decisions();
  return update;
}

}  // namespace holdfast
