// Privileged is no property of the OCI specification: it is recognised by what engines write for it.
#include "core/plan/capability_names.h"
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

bool allows_every_device(const oci::Spec& spec) {
  if (!spec.linux_.resources) return false;
  for (const oci::DeviceRule& rule : spec.linux_.resources->devices) {
    if (rule.allow && (rule.type.empty() || rule.type == "a") && rule.major.value_or(-1) < 0 &&
        rule.minor.value_or(-1) < 0 && rule.access == "rwm")
      return true;
  }
  return false;
}

// Every capability that this host can hand on; engines older than the kernel stop at 37 (AUDIT_READ).
bool asks_all_capabilities(const oci::Process& process, const HostFacts& facts) {
  if (!process.capabilities) return false;
  uint64_t asked = 0;
  for (const std::string& name : process.capabilities->bounding)
    if (const auto number = capability_number(name)) asked |= uint64_t{1} << *number;
  const uint64_t known_everywhere = (uint64_t{1} << 38) - 1;
  const uint64_t wanted = facts.bounding & known_everywhere;
  return wanted != 0 && (asked & wanted) == wanted;
}

}  // namespace

bool asks_privileged(const Request& request, const oci::Spec& spec, const HostFacts& facts) {
  if (!spec.process || !asks_all_capabilities(*spec.process, facts)) return false;
  if (!spec.linux_.masked_paths.empty() || !spec.linux_.readonly_paths.empty()) return false;
  // Without root's device cgroup an engine writes no device rules.
  return allows_every_device(spec) || request.rootless || facts.in_user_namespace;
}

void judge_privileged(ResolveContext& c) {
  if (!asks_privileged(c.request, c.spec, c.facts)) {
    c.judge.kept("privileged", "false");
    return;
  }
  c.privileged = true;  // where it is refused, too: one violation says it all
  c.judge.gate(c.judge.profile().privileged, c.judge.exception("privileged"), RuleId::kPrivileged,
               "privileged", "true", "runs privileged",
               "run as asked: it has the host's power; deny it with \"deny\": [\"privileged\"]");
}

}  // namespace holdfast
