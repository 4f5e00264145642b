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

bool is_unconfined_selinux(std::string_view label) {
  return label.empty() || label.find(":spc_t:") != label.npos ||
         label.find(":unconfined_t:") != label.npos;
}

Result<> judge_labels(ResolveContext& c) {
  ProcessPlan& process = c.plan.process;
  const bool unconfined =
      process.apparmor_profile.empty() || process.apparmor_profile == "unconfined";
  if (!c.facts.apparmor) {
    if (!unconfined)
      return error("process.apparmorProfile: \"{}\" is asked for, but this kernel has no AppArmor",
                   process.apparmor_profile);
    process.apparmor_profile.clear();
    c.judge.impossible("apparmor", c.spec.process->apparmor_profile, "",
                       "this kernel has no AppArmor");
  } else if (unconfined) {
    c.judge.warned(RuleId::kAppArmor, "apparmor", "unconfined", rule_of(RuleId::kAppArmor).fix);
  } else {
    c.judge.kept("apparmor", process.apparmor_profile);
  }
  if (!c.facts.selinux) {
    if (!process.selinux_label.empty())
      return error("process.selinuxLabel: \"{}\" is asked for, but this kernel has no SELinux",
                   process.selinux_label);
    c.judge.impossible("selinux", "", "", "this kernel has no SELinux");
  } else if (is_unconfined_selinux(process.selinux_label)) {
    c.judge.warned(RuleId::kSelinux, "selinux", process.selinux_label,
                   rule_of(RuleId::kSelinux).fix);
  } else {
    c.judge.kept("selinux", process.selinux_label);
  }
  return {};
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
  process.apparmor_profile = asked.apparmor_profile;
  process.selinux_label = asked.selinux_label;
  process.oom_score_adj = asked.oom_score_adj;
  process.scheduler = asked.scheduler;
  process.io_priority = asked.io_priority;
  process.cpu_affinity = asked.exec_cpu_affinity;
  process.personality = c.spec.linux_.personality;
  judge_no_new_privileges(c);
  judge_user(c);
  return judge_labels(c);
}

}  // namespace holdfast
