#include "profiles/policy/capabilities.h"

#include <linux/capability.h>

#include <algorithm>

#include "core/plan/capability_names.h"
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

template <class... Numbers>
constexpr uint64_t bits(Numbers... numbers) {
  return (capability_bit(numbers) | ...);
}

constexpr uint64_t kEngineDefault =
    bits(CAP_AUDIT_WRITE, CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_MKNOD,
         CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SETFCAP, CAP_SETGID, CAP_SETPCAP, CAP_SETUID,
         CAP_SYS_CHROOT);

uint64_t mask_of(const oci::Strings& names, std::vector<std::string>& unknown) {
  uint64_t mask = 0;
  for (const std::string& name : names) {
    if (const auto number = capability_number(name))
      mask |= capability_bit(*number);
    else if (std::find(unknown.begin(), unknown.end(), name) == unknown.end())
      unknown.push_back(name);
  }
  return mask;
}

uint64_t all_of(const CapabilitySets& sets) {
  return sets.bounding | sets.effective | sets.permitted | sets.inheritable | sets.ambient;
}

CapabilitySets limited(CapabilitySets sets, uint64_t mask) {
  sets.bounding &= mask;
  sets.effective &= mask;
  sets.permitted &= mask;
  sets.inheritable &= mask;
  sets.ambient &= mask;
  return sets;
}

std::string plus(uint64_t mask) { return "+" + capability_text(mask); }

// Unknown names and what the host cannot hand on: dropped and told, as the specification has it.
CapabilitySets possible(ResolveContext& c, const AskedCapabilities& asked) {
  if (!asked.unknown.empty())
    c.judge.impossible("capabilities", "+" + join(asked.unknown, ", "), "dropped",
                       "no capability has this name");
  const uint64_t missing = all_of(asked.sets) & ~c.facts.bounding;
  if (missing != 0)
    c.judge.impossible("capabilities", plus(missing), "dropped",
                       "not in the bounding set that holdfast was started with");
  return limited(asked.sets, c.facts.bounding);
}

void refuse_each(ResolveContext& c, uint64_t mask) {
  for (const std::string& full : capability_list(mask)) {
    const std::string_view name = std::string_view(full).substr(4);
    c.judge.refuse(RuleId::kCapabilities, "capabilities", fmt::format("+{}", name),
                   fmt::format("adds capability {}", name));
  }
}

void report_exceptions(ResolveContext& c, uint64_t mask) {
  for (const std::string& full : capability_list(mask)) {
    const std::string_view name = std::string_view(full).substr(4);
    if (const Grant* e = c.judge.exception("capabilities", name))
      c.judge.excepted(RuleId::kCapabilities, "capabilities", fmt::format("+{}", name), *e);
  }
}

// The sets under a profile; `may` is what it grants.
CapabilitySets judged(ResolveContext& c, const CapabilitySets& asked, uint64_t may) {
  const uint64_t all = all_of(asked);
  const CapabilityRules& rules = c.judge.profile().capabilities;
  report_exceptions(c, all & may & ~rules.allow.bits);
  const uint64_t on_request = all & may & rules.on_request.bits & ~kEngineDefault;
  for (const std::string& full : capability_list(on_request)) {
    const std::string_view name = std::string_view(full).substr(4);
    if (!c.judge.exception("capabilities", name))
      c.judge.warned(RuleId::kCapabilities, "capabilities", fmt::format("+{}", name),
                     "granted because it was asked for by name; it acts inside the container only");
  }
  const uint64_t beyond = all & ~may;
  refuse_each(c, beyond & ~kEngineDefault);
  CapabilitySets applied = asked;
  const uint64_t taken = beyond & kEngineDefault;
  if (taken != 0 && c.judge.tighten(RuleId::kDefaultCapabilities, "capabilities", plus(taken),
                                    "dropped", rule_of(RuleId::kDefaultCapabilities).fix))
    applied = limited(applied, ~taken);
  if (c.judge.enforcing()) applied = limited(applied, may);
  return applied;
}

}  // namespace

uint64_t engine_default_capabilities() { return kEngineDefault; }

uint64_t permitted_capabilities(const Judge& judge, const CapabilityGrounds& grounds) {
  if (!judge.active()) return ~uint64_t{0};
  const CapabilityRules& rules = judge.profile().capabilities;
  uint64_t on_request = rules.on_request.bits;
  if (!grounds.private_network) on_request &= ~bits(CAP_NET_ADMIN);
  if (!grounds.private_pid) on_request &= ~bits(CAP_SYS_PTRACE);
  uint64_t may = rules.allow.bits | on_request;
  for (int number = 0; number <= CAP_LAST_CAP; ++number)
    if (judge.exception("capabilities", capability_name(number).substr(4)))
      may |= capability_bit(number);
  return may;
}

AskedCapabilities asked_capabilities(const std::optional<oci::Capabilities>& asked) {
  AskedCapabilities result;
  if (!asked) return result;
  result.sets.bounding = mask_of(asked->bounding, result.unknown);
  result.sets.effective = mask_of(asked->effective, result.unknown);
  result.sets.permitted = mask_of(asked->permitted, result.unknown);
  result.sets.inheritable = mask_of(asked->inheritable, result.unknown);
  result.sets.ambient = mask_of(asked->ambient, result.unknown);
  return result;
}

std::string capability_text(uint64_t mask) {
  std::string text;
  for (const std::string& name : capability_list(mask)) {
    if (!text.empty()) text += ", ";
    text += name.starts_with("CAP_") ? name.substr(4) : name;
  }
  return text.empty() ? "none" : text;
}

CapabilitySets consistent(CapabilitySets sets) {
  sets.permitted &= sets.bounding;
  sets.effective &= sets.permitted;
  sets.ambient &= sets.permitted;
  sets.inheritable = sets.ambient;
  return sets;
}

void resolve_capabilities(ResolveContext& c) {
  using enum oci::NamespaceType;
  const AskedCapabilities asked = asked_capabilities(c.spec.process->capabilities);
  CapabilitySets sets = possible(c, asked);
  if (!c.judge.active()) {
    c.plan.process.capabilities = sets;
    return;
  }
  const CapabilityGrounds grounds{
      .private_network = !shares_host(c.request, c.spec.linux_.namespaces, c.facts, kNetwork),
      .private_pid = !shares_host(c.request, c.spec.linux_.namespaces, c.facts, kPid)};
  if (!c.privileged) sets = judged(c, sets, permitted_capabilities(c.judge, grounds));

  CapabilitySets tidy = consistent(sets);
  if (tidy.permitted != sets.permitted || tidy.effective != sets.effective ||
      tidy.ambient != sets.ambient)
    c.judge.impossible("capabilities", "sets that contradict each other",
                       capability_text(tidy.effective),
                       "the kernel wants effective and ambient within permitted, and those within "
                       "the bounding set");
  if (tidy.inheritable != sets.inheritable &&
      !c.judge.tighten(RuleId::kInheritable, "inheritable capabilities",
                       capability_text(sets.inheritable), capability_text(tidy.inheritable),
                       "a file with inheritable capabilities would hand them on (CVE-2022-24769); "
                       "only ambient ones need them"))
    tidy.inheritable = sets.inheritable;
  sets = tidy;
  c.judge.kept("capabilities", capability_text(sets.bounding));
  c.plan.process.capabilities = sets;
}

}  // namespace holdfast
