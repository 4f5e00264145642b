#include "profiles/policy/resources.h"

#include <algorithm>

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

struct Missing {
  std::string why;     // "": nothing is missing
  bool holds = false;  // there is nothing that could exceed the limit
};

bool limits_memory(const oci::Resources& resources) {
  return resources.memory && resources.memory->limit.value_or(0) > 0;
}

// What the host lacks for a limit that nobody asked for.
Missing missing_on(const LimitsHolder::Host& host, const LimitControl& control) {
  const auto controller = [&](bool there, std::string_view name) -> Missing {
    if (there && host.writable) return {};
    return {fmt::format("no {} controller that holdfast may write to", name)};
  };
  const CgroupControls& controls = host.controls;
  switch (control.kind) {
    case LimitKind::kMemory:
      return controller(controls.memory, "memory");
    case LimitKind::kSwap:
      if (controls.swap || !controls.memory) return controller(controls.memory, "memory");
      return {"this kernel counts no swap"};
    case LimitKind::kCpu:
      return controller(controls.cpu, "cpu");
    case LimitKind::kPids:
      return controller(host.pids, "pids");
    case LimitKind::kIoWeight:
      if (controls.io_weight && host.writable) return {};
      return {"no I/O scheduler with weights (bfq, iocost) whose hierarchy holdfast may write to"};
    case LimitKind::kHugepages: {
      const auto& sizes = controls.page_sizes;
      if (std::find(sizes.begin(), sizes.end(), control.page_size) == sizes.end())
        return {"this host has no pages of that size", true};
      return controller(controls.hugetlb, "hugetlb");
    }
  }
  return {};
}

Missing missing_for(const LimitControl& control, const LimitsHolder& holder,
                    const oci::Resources& resources) {
  if (holder.host)
    if (Missing missing = missing_on(*holder.host, control); !missing.why.empty()) return missing;
  if (control.kind == LimitKind::kSwap && !holder.v2 && !limits_memory(resources))
    return {"cgroup version 1 limits swap with memory only: set limits.memory, too"};
  return {};
}

LimitsHolder holder_of(const ResolveContext& c) {
  const bool may_write = !c.request.rootless && c.request.cgroup_driver != CgroupDriver::kDisabled;
  return {
      .v2 = c.facts.cgroup == HostFacts::Cgroup::kV2,
      .privileged = c.privileged,
      .host = LimitsHolder::Host{
          .writable = may_write, .pids = c.facts.pids_controller, .controls = c.request.controls}};
}

}  // namespace

void judge_limit(Judge& judge, const LimitControl& control, const LimitsHolder& holder,
                 oci::Resources& resources) {
  const auto wish = control.asked(resources);
  const auto limit = control.instead(wish);
  // Of what the profile says nothing about only the processes are told.
  if (!limit && !control.bounds.given() && control.kind != LimitKind::kPids) return;
  const std::string name = control.name(), asked = control.text(wish);
  if (!limit) {
    if (wish && *wish < 0)
      judge.warned(control.rule(), name, asked, rule_of(control.rule()).fix);
    else if (wish)
      judge.kept(name, asked);
    return;
  }
  if (const Grant* grant = judge.exception(control.grant()))
    return judge.excepted(control.rule(), name, asked, *grant);
  if (holder.privileged) return judge.kept(name, asked, "privileged");
  if (const Missing missing = missing_for(control, holder, resources); !missing.why.empty()) {
    if (missing.holds) return judge.kept(name, asked, missing.why);
    if (!judge.profile().limits.require) return judge.impossible(name, asked, asked, missing.why);
    return judge.refuse(
        RuleId::kUnavailable, name, asked,
        fmt::format("requires a {} of {}, but {}", name, control.text(limit), missing.why));
  }
  if (judge.tighten(control.rule(), name, asked, control.text(limit), control.why()))
    control.set(resources, *limit, holder.v2);
}

void resolve_resources(ResolveContext& c) {
  oci::Resources& resources = c.plan.cgroup.resources;
  if (c.spec.linux_.resources) resources = *c.spec.linux_.resources;
  // A limit of 0 is how engines write "none given".
  if (resources.pids && resources.pids->limit.value_or(0) == 0) resources.pids.reset();
  const LimitsHolder holder = holder_of(c);
  for (const LimitControl& control : limit_controls(c.judge.profile().limits))
    judge_limit(c.judge, control, holder, resources);
}

}  // namespace holdfast
