// Every further door: exec and update under the stored plan and the current policy.
#include <linux/capability.h>

#include "core/plan/capability_names.h"
#include "profiles/policy/capabilities.h"
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

constexpr std::string_view kPrefix = "CAP_";

// The stored plan holds a container that was started under enforcement; one that runs as asked is held
// by the current policy alone.
bool holds(const Plan& stored) { return stored.mode == Mode::kEnforce; }

bool was_privileged(const Plan& stored, const HostFacts& facts) {
  const uint64_t everywhere = facts.bounding & ((uint64_t{1} << 38) - 1);
  return (stored.process.capabilities.bounding & everywhere) == everywhere &&
         stored.masked_paths.empty() && stored.readonly_paths.empty();
}

// What the current policy grants to a container like this one.
uint64_t current_ceiling(const Plan& stored, const Judge& judge, const HostFacts& facts) {
  if (!judge.enforcing()) return ~uint64_t{0};
  const bool may_be_privileged =
      judge.exception("privileged") || judge.profile().privileged != Access::kDeny;
  if (was_privileged(stored, facts) && may_be_privileged) return ~uint64_t{0};
  // Whether its network and processes are its own was judged when it was created: what it was given
  // for that reason stands in the stored bounding set.
  return permitted_capabilities(judge, {.private_network = true, .private_pid = true});
}

// What an exception that ends gives to an exec beyond its container: a debugger's CAP_SYS_PTRACE.
uint64_t broken_glass(const Judge& judge) {
  uint64_t given = 0;
  for (int number = 0; number <= CAP_LAST_CAP; ++number)
    if (judge.exception("execCapabilities:" +
                        std::string(capability_name(number).substr(kPrefix.size()))))
      given |= capability_bit(number);
  return given;
}

CapabilitySets exec_capabilities(const Plan& stored, const oci::Process& asked, const Judge& judge,
                                 const HostFacts& facts) {
  CapabilitySets sets = asked.capabilities ? asked_capabilities(asked.capabilities).sets
                                           : stored.process.capabilities;
  uint64_t may = current_ceiling(stored, judge, facts);
  if (judge.enforcing()) may &= judge.profile().exec.capabilities.bits;
  if (holds(stored)) may &= stored.process.capabilities.bounding;
  may = (may | broken_glass(judge)) & facts.bounding;
  sets.bounding &= may;
  sets.permitted &= may;
  sets.effective &= may;
  sets.ambient &= may;
  return consistent(sets);
}

// A label of its own is what `exec --privileged` brings along ("unconfined").
std::string exec_label(const std::string& stored, const std::string& asked, bool keep) {
  if (asked.empty()) return stored;
  return keep && !stored.empty() ? stored : asked;
}

// What a profile allows of exec at all, whatever the container has.
void judge_exec(const Plan& stored, const oci::Process& asked, Judge& judge) {
  const ExecRules& rules = judge.profile().exec;
  const std::string program = asked.args.empty() ? "" : asked.args[0];
  judge.gate(rules.access, judge.exception("exec"), RuleId::kExec, "exec", program,
             fmt::format("runs {} by exec", program), "");
  if (asked.terminal)
    judge.gate(rules.terminal, judge.exception("execTerminal"), RuleId::kExec, "exec terminal",
               "true", "wants a terminal", "");
  if (asked.user.uid == 0 && stored.process.user.uid != 0)
    judge.gate(
        rules.root, judge.exception("execRoot"), RuleId::kExec, "exec user", "0",
        fmt::format("runs as root where the container runs as uid {}", stored.process.user.uid),
        "");
}

}  // namespace

Result<ProcessPlan> resolve_exec(const Plan& stored, const oci::Process& asked,
                                 const Policy& current, const HostFacts& facts) {
  Judge judge(current);
  judge_exec(stored, asked, judge);
  if (auto refusal = judge.refusal()) return Failure(std::move(*refusal));
  ProcessPlan process;
  process.args = asked.args;
  process.env = asked.env;
  process.cwd = asked.cwd.empty() ? stored.process.cwd : asked.cwd;
  process.user = asked.user;
  process.terminal = asked.terminal;
  process.console_size = asked.console_size;
  process.rlimits = asked.rlimits;
  process.scheduler = asked.scheduler;
  process.io_priority = asked.io_priority;
  process.cpu_affinity = asked.exec_cpu_affinity;
  process.oom_score_adj = asked.oom_score_adj ? asked.oom_score_adj : stored.process.oom_score_adj;
  process.personality = stored.process.personality;
  process.mdwe = stored.process.mdwe;
  process.capabilities = exec_capabilities(stored, asked, judge, facts);
  if (!was_privileged(stored, facts)) tighten_rlimits(judge, process.rlimits);

  const bool keep = holds(stored) || judge.enforcing();
  process.no_new_privileges = asked.no_new_privileges || (keep && stored.process.no_new_privileges);
  if (judge.enforcing() && judge.profile().no_new_privileges != Requirement::kOff &&
      !judge.exception("noNewPrivileges") && !was_privileged(stored, facts))
    process.no_new_privileges = true;
  const bool clamp = keep && !was_privileged(stored, facts);
  process.apparmor_profile =
      exec_label(stored.process.apparmor_profile, asked.apparmor_profile, clamp);
  process.selinux_label = exec_label(stored.process.selinux_label, asked.selinux_label, clamp);
  if (!facts.apparmor && process.apparmor_profile == "unconfined") process.apparmor_profile.clear();
  return process;
}

}  // namespace holdfast
