#include "profiles/policy/context.h"

namespace holdfast {
namespace {

void judge_no_new_privileges(ResolveContext& c) {
  const bool asked = c.spec.process->no_new_privileges;
  if (asked || c.judge.profile().no_new_privileges == Requirement::kOff) {
    c.judge.kept(
        "noNewPrivileges", asked ? "true" : "false",
        asked ? "" : "set-uid programs and file capabilities work; restricted forbids them");
  } else if (const Grant* e = c.judge.exception("noNewPrivileges")) {
    c.judge.excepted(RuleId::kNoNewPrivileges, "noNewPrivileges", "false", *e);
  } else if (c.privileged) {
    c.judge.kept("noNewPrivileges", "false", "privileged");
  } else if (c.judge.tighten(RuleId::kNoNewPrivileges, "noNewPrivileges", "false", "true",
                             "set-uid programs and file capabilities gain nothing")) {
    c.plan.process.no_new_privileges = true;
  }
}

void judge_user(ResolveContext& c) {
  const uint32_t uid = c.spec.process->user.uid;
  const std::string text = fmt::format("{}", uid);
  const oci::Namespace* user = find_namespace(c.plan, oci::NamespaceType::kUser);
  const bool mapped = user && !shares_host(c.request, {*user}, c.facts, user->type);
  const bool harmless = uid != 0 || mapped || c.privileged;
  c.judge.gate(harmless ? Access::kAllow : c.judge.profile().root_user,
               c.judge.exception("rootUser"), RuleId::kRootUser, "user", text,
               "runs as root of the host",
               "root without capabilities owns files of root still; deny it with \"deny\": "
               "[\"rootUser\"]");
}

}  // namespace

Result<> resolve_process(ResolveContext& c) {
  const oci::Process& asked = *c.spec.process;
  ProcessPlan& process = c.plan.process;
  process.args = asked.args;
  process.env = asked.env;
  process.cwd = asked.cwd;
  process.user = asked.user;
  process.terminal = asked.terminal;
  process.console_size = asked.console_size;
  process.rlimits = asked.rlimits;
  process.no_new_privileges = asked.no_new_privileges;
  process.oom_score_adj = asked.oom_score_adj;
  process.scheduler = asked.scheduler;
  process.io_priority = asked.io_priority;
  process.cpu_affinity = asked.exec_cpu_affinity;
  process.personality = c.spec.linux_.personality;
  judge_no_new_privileges(c);
  judge_user(c);
  return {};
}

}  // namespace holdfast
