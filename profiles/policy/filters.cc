#include "profiles/policy/capabilities.h"
#include "profiles/policy/context.h"
#include "profiles/seccomp/profile.h"

namespace holdfast {
namespace {

SeccompGrants grants_of(ResolveContext& c) {
  SeccompGrants grants;
  grants.remove = c.judge.profile().seccomp.remove;
  grants.complain = !c.judge.enforcing();
  if (const Grant* e = c.judge.exception("nestedContainers")) {
    grants.nested_containers = true;
    c.judge.excepted(RuleId::kSeccompDenylist, "seccomp", "namespaces and mounts", *e);
  }
  if (const Grant* e = c.judge.exception("ioUring")) {
    grants.io_uring = true;
    c.judge.excepted(RuleId::kSeccompDenylist, "seccomp", "io_uring", *e);
  }
  // Only what an exception names: SYS_PTRACE and others that baseline grants on request change nothing.
  const uint64_t held = c.plan.process.capabilities.bounding;
  for (int number = 0; number <= c.facts.last_capability && number < 64; ++number) {
    if (!(held & capability_bit(number))) continue;
    const std::string name = capability_text(capability_bit(number));
    if (c.judge.exception("capabilities", name)) grants.capabilities |= capability_bit(number);
  }
  return grants;
}

FilterSource own_filter(const ResolveContext& c, std::string name, oci::Seccomp description) {
  FilterSource source;
  source.plan.name = std::move(name);
  source.plan.origin = FilterOrigin::kProfile;
  source.seccomp = std::move(description);
  source.options.complain = !c.judge.enforcing();
  source.options.own = true;
  return source;
}

Result<> add_engine_filter(ResolveContext& c, std::vector<FilterSource>& filters) {
  FilterSource source;
  source.plan.name = "engine";
  source.plan.origin = FilterOrigin::kEngine;
  source.seccomp = *c.spec.linux_.seccomp;
  HF_TRY(source.plan.flags, with_context(filter_flags(source.seccomp), "linux.seccomp.flags"));
  source.plan.listener_path = source.seccomp.listener_path;
  source.plan.listener_metadata = source.seccomp.listener_metadata;
  filters.push_back(std::move(source));
  return {};
}

// A description that lets everything through is none.
bool allows_all(const oci::Seccomp& seccomp) {
  if (seccomp.default_action != oci::SeccompAction::kAllow) return false;
  for (const oci::SeccompRule& rule : seccomp.syscalls)
    if (rule.action != oci::SeccompAction::kAllow) return false;
  return true;
}

}  // namespace

Result<> resolve_filters(ResolveContext& c, std::vector<FilterSource>& filters) {
  const bool asked = c.spec.linux_.seccomp.has_value();
  const bool none = !asked || allows_all(*c.spec.linux_.seccomp);
  const Requirement wanted =
      c.judge.wanted(c.judge.profile().seccomp.filter, RuleId::kSeccompDenylist, "seccomp");
  if (wanted == Requirement::kOff) {
    c.judge.kept("seccomp", asked ? "the engine's" : "none");
  } else if (c.privileged) {
    c.judge.warned(
        RuleId::kSeccompDenylist, "seccomp", asked ? "the engine's" : "none",
        "privileged: containers in it, module and BPF loading need what the profile denies");
  } else if (c.judge.filtering() && !c.judge.enforcing() && !c.facts.seccomp_log) {
    c.judge.impossible("seccomp", asked ? "the engine's" : "none", "nothing is logged",
                       "mode warn, and this kernel has no SECCOMP_RET_LOG");
  } else {
    const std::string& profile = c.policy.profile.name;
    const SeccompGrants grants = grants_of(c);
    if (none)
      (void)c.judge.tighten(RuleId::kSeccompProfile, "seccomp", "none", profile + " allowlist",
                            rule_of(RuleId::kSeccompProfile).fix);
    else
      (void)c.judge.tighten(RuleId::kSeccompDenylist, "seccomp", "the engine's",
                            "the engine's above the " + profile + " denylist",
                            rule_of(RuleId::kSeccompDenylist).fix);
    if (c.judge.filtering() && none)
      filters.push_back(own_filter(c, profile + " allowlist", allowlist(grants)));
    else if (c.judge.filtering())
      filters.push_back(own_filter(c, profile + " denylist", denylist(grants)));
  }
  // A listener is the engine's business even if its profile allows everything.
  if (asked) return add_engine_filter(c, filters);
  return {};
}

}  // namespace holdfast
