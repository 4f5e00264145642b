// Which programs the container executes: docs/supervision.md, docs/adr/0200-supervision.md.
#include <algorithm>

#include "core/plan/describe_supervision.h"
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

constexpr std::string_view kControl = "execControl";
constexpr const char* kMemfd = "vm.memfd_noexec";

std::string_view name_of(Response response) {
  for (const auto& each : kResponses)
    if (each.value == response) return each.name;
  return "";
}

std::string rule_text(const ProgramRule& rule) {
  const std::string text = short_text(rule);
  return text.empty() ? json::encode(rule) : text;
}

// "only image, /opt/tool; others: deny; drift: freeze; libraries"
std::string summary(const ExecControlPlan& plan) {
  std::vector<std::string> parts;
  if (plan.allow) {
    constexpr size_t kShown = 3;
    std::vector<std::string> rules;
    for (size_t i = 0; i < plan.allow->size() && i < kShown; ++i)
      rules.push_back(rule_text((*plan.allow)[i]));
    if (plan.allow->size() > kShown)
      rules.push_back(fmt::format("{} more", plan.allow->size() - kShown));
    parts.push_back("only " + (rules.empty() ? "nothing" : join(rules, ", ")));
    parts.push_back(fmt::format("others: {}", name_of(*plan.other)));
  }
  if (plan.drift) parts.push_back(fmt::format("drift: {}", name_of(*plan.drift)));
  if (plan.libraries) parts.emplace_back("libraries");
  return join(parts, "; ");
}

// What this mechanism does not see: the plan tells it, so that nobody counts on it.
std::string gaps(const ExecControlPlan& plan) {
  std::string text =
      "fanotify: a program is decided about before it is opened. Not decided: what an interpreter "
      "reads as a script's text, mounts that are made inside or arrive later";
  if (!plan.libraries)
    text += ", what a program maps itself (ld.so FILE, dlopen; exec.libraries does)";
  return text;
}

// Files in memory stand on no mount that could be watched: the kernel itself refuses to execute them.
// The setting is that of the pid namespace (Linux 6.3), for its root in the host's user namespace.
void forbid_memory_files(ResolveContext& c, Requirement wanted) {
  constexpr std::string_view kMemoryFiles = "execControl.memfd";
  const auto* pids = find_namespace(c.plan, oci::NamespaceType::kPid);
  if (!pids || !pids->path.empty())
    return c.judge.unavailable(wanted, kMemoryFiles,
                               "the pid namespace is not the container's own, and "
                               "vm.memfd_noexec would be of all that share it");
  if (find_namespace(c.plan, oci::NamespaceType::kUser))
    return c.judge.unavailable(wanted, kMemoryFiles,
                               "vm.memfd_noexec cannot be set in a user namespace");
  if (!c.request.memfd_noexec)
    return c.judge.unavailable(wanted, kMemoryFiles, "vm.memfd_noexec needs Linux 6.3");
  if (c.judge.tighten(RuleId::kExecControl, kMemoryFiles, "executable", "not executable",
                      "vm.memfd_noexec=2 in its pid namespace"))
    c.plan.sysctl[kMemfd] = "2";
}

void only_tell(std::optional<Response>& response) {
  if (response) response = Response::kAlert;
}

}  // namespace

std::optional<ExecControlPlan> resolve_exec_control(ResolveContext& c) {
  const ProgramControl& asked = c.judge.profile().exec.control;
  if (!asked.programs && !asked.drift) return std::nullopt;
  const Requirement wanted = c.judge.wanted(
      asked.require ? Requirement::kRequire : Requirement::kAuto, RuleId::kExecControl, kControl);
  if (wanted == Requirement::kOff) return std::nullopt;
  if (c.request.rootless || c.facts.euid != 0 || c.facts.in_user_namespace) {
    c.judge.unavailable(wanted, kControl, "fanotify's decisions need CAP_SYS_ADMIN of the host");
    return std::nullopt;
  }
  ExecControlPlan plan{
      .libraries = asked.libraries, .allow = asked.programs, .drift = asked.drift, .other = {}};
  if (plan.allow) plan.other = asked.otherwise.value_or(Response::kDeny);
  const bool enforced =
      c.judge.tighten(RuleId::kExecControl, kControl, "any program", summary(plan), gaps(plan));
  if (plan.drift && *plan.drift > Response::kAlert) forbid_memory_files(c, wanted);
  if (enforced) return plan;
  if (!c.judge.filtering()) return std::nullopt;  // mode audit: recorded, nothing more
  only_tell(plan.drift);
  only_tell(plan.other);
  return plan;
}

}  // namespace holdfast
