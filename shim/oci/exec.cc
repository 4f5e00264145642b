#include <algorithm>

#include "core/plan/capability_names.h"
#include "profiles/policy/resolve.h"
#include "sandbox/kernel/probe.h"
#include "shim/oci/audit.h"
#include "shim/oci/create_container.h"
#include "shim/oci/destroy.h"
#include "shim/oci/foreground.h"
#include "shim/oci/load_policy.h"
#include "shim/oci/pid_file.h"
#include "shim/oci/sub_cgroup.h"

namespace holdfast {
namespace {

constexpr size_t kMaxProcess = 16 << 20;

constexpr Flag kFlags[] = {
    {"process", 'p', FlagKind::kText, "FILE",
     "the process as JSON, instead of the flags and COMMAND"},
    {"detach", 'd', FlagKind::kSwitch, "", "leave as soon as the program runs"},
    {"tty", 't', FlagKind::kSwitch, "", "give it a terminal"},
    {"user", 'u', FlagKind::kText, "UID[:GID]", "run it as this user"},
    {"additional-gids", 'g', FlagKind::kList, "GID", "a further group"},
    {"env", 'e', FlagKind::kList, "NAME=VALUE", "a further environment variable"},
    {"cap", 'c', FlagKind::kList, "CAP", "a further capability, as far as the plan allows it"},
    {"cwd", 0, FlagKind::kText, "DIR", "its working directory"},
    {"pid-file", 0, FlagKind::kText, "FILE", "write its process id there"},
    {"console-socket", 0, FlagKind::kText, "SOCKET", "socket that receives the terminal's master"},
    {"pidfd-socket", 0, FlagKind::kText, "SOCKET", "socket that receives a pidfd of it"},
    {"process-label", 0, FlagKind::kText, "LABEL", "its SELinux label"},
    {"apparmor", 0, FlagKind::kText, "PROFILE", "its AppArmor profile"},
    {"no-new-privs", 0, FlagKind::kSwitch, "", "set no_new_privs"},
    {"preserve-fds", 0, FlagKind::kText, "N", "pass N descriptors on, beyond stdio and LISTEN_FDS"},
    {"cgroup", 0, FlagKind::kList, "[CONTROLLERS:]DIR",
     "run it in this existing cgroup of the container's"},
    {"ignore-paused", 0, FlagKind::kSwitch, "", "allow it in a paused container"},
    {"no-subreaper", 0, FlagKind::kSwitch, "", "accepted for compatibility"},
};

// The container's own process, as a starting point for the flags.
oci::Process process_of(const ProcessPlan& plan) {
  oci::Process process;
  process.terminal = false;
  process.user = plan.user;
  process.env = plan.env;
  process.cwd = plan.cwd;
  process.capabilities = oci::Capabilities{
      capability_list(plan.capabilities.bounding), capability_list(plan.capabilities.effective),
      capability_list(plan.capabilities.inheritable), capability_list(plan.capabilities.permitted),
      capability_list(plan.capabilities.ambient)};
  process.rlimits = plan.rlimits;
  process.no_new_privileges = plan.no_new_privileges;
  process.apparmor_profile = plan.apparmor_profile;
  process.selinux_label = plan.selinux_label;
  process.oom_score_adj = plan.oom_score_adj;
  process.scheduler = plan.scheduler;
  process.io_priority = plan.io_priority;
  process.exec_cpu_affinity = plan.cpu_affinity;
  return process;
}

Result<uint32_t> parse_id(std::string_view text, std::string_view flag) {
  const auto id = parse_number<uint32_t>(text);
  // (uid_t) -1 means "unchanged" to the kernel, so it names nobody.
  if (!id || *id == UINT32_MAX) return error("--{}: \"{}\" is not a numeric id", flag, text);
  return *id;
}

Result<> set_user_from(const std::string& text, oci::User& user) {
  const size_t colon = text.find(':');
  HF_TRY(user.uid, parse_id(std::string_view(text).substr(0, colon), "user"));
  if (colon == std::string::npos) return {};
  HF_TRY(user.gid, parse_id(std::string_view(text).substr(colon + 1), "user"));
  return {};
}

void add_capability(const std::string& name, oci::Capabilities& sets) {
  for (oci::Strings* set : {&sets.bounding, &sets.effective, &sets.permitted})
    if (std::find(set->begin(), set->end(), name) == set->end()) set->push_back(name);
}

Result<oci::Process> from_flags(const Plan& plan, const Arguments& args) {
  oci::Process process = process_of(plan.process);
  process.args.assign(args.operands().begin() + 1, args.operands().end());
  if (process.args.empty()) return error("process args cannot be empty");
  process.terminal = args.on("tty");
  if (args.given("user")) HF_DO(set_user_from(args.text("user"), process.user));
  for (const auto& gid : args.list("additional-gids")) {
    HF_TRY(const uint32_t number, parse_id(gid, "additional-gids"));
    process.user.additional_gids.push_back(number);
  }
  for (auto& variable : args.list("env")) process.env.push_back(std::move(variable));
  for (const auto& name : args.list("cap")) add_capability(name, *process.capabilities);
  if (args.given("cwd")) process.cwd = args.text("cwd");
  if (args.given("process-label")) process.selinux_label = args.text("process-label");
  if (args.given("apparmor")) process.apparmor_profile = args.text("apparmor");
  if (args.given("no-new-privs")) process.no_new_privileges = args.on("no-new-privs");
  return process;
}

Result<oci::Process> asked_process(const Plan& plan, const Arguments& args) {
  if (!args.given("process")) return from_flags(plan, args);
  if (args.operands().size() > 1) return error("--process and a command exclude each other");
  const std::string path = args.text("process");
  HF_TRY(const std::string text, read_file(path, kMaxProcess));
  return with_context(oci::decode_process(text), "{}", path);
}

Result<> check_terminal(bool terminal, bool detach, const std::string& console_socket) {
  if (detach && terminal && console_socket.empty())
    return error("cannot allocate tty if holdfast will detach without setting console socket");
  if ((!detach || !terminal) && !console_socket.empty())
    return error("cannot use console socket if holdfast will not detach or allocate tty");
  return {};
}

Result<> check_status(const Container& container, bool ignore_paused) {
  HF_TRY(const Status now, container.dir.status(container.state));
  if (now == Status::kStopped) return error("cannot exec in a stopped container");
  if (now == Status::kCreating) return error("cannot exec in a container that is being created");
  if (now == Status::kPaused && !ignore_paused)
    return error("cannot exec in a paused container (use --ignore-paused to override)");
  return {};
}

struct Decided {
  ProcessPlan process;
  AuditSettings audit;
};

// The plan of the further process: what is asked, within the stored plan and today's policy.
Result<Decided> decide(const Plan& plan, const Globals& globals, const Arguments& args,
                       uint32_t activated) {
  HF_TRY(oci::Process asked, asked_process(plan, args));
  if (activated > 0) {
    asked.env.push_back(fmt::format("LISTEN_FDS={}", activated));
    asked.env.emplace_back("LISTEN_PID=1");
  }
  HF_DO(check_terminal(asked.terminal, args.on("detach"), args.text("console-socket")));
  HF_TRY(const HostFacts facts, probe_host());
  HF_TRY(const Policy policy, load_policy(facts, subject_of(plan)));
  Decided decided;
  decided.audit = audit_settings(policy, facts, globals.root);
  auto process = resolve_exec(plan, asked, policy, facts);
  if (!process)
    return refused(decided.audit, "exec", plan.id, plan.profile, std::move(process).error());
  decided.process = std::move(*process);
  return decided;
}

Result<int> attend(Launched& process, const Arguments& args) {
  const bool detach = args.on("detach");
  Foreground foreground(process, {});
  if (!detach) HF_DO(foreground.prepare());
  if (args.given("pidfd-socket")) HF_DO(send_pidfd(args.text("pidfd-socket"), process.pidfd));
  if (auto started = go(process); !started) {
    if (auto ended = end_process(process.pidfd); !ended) warn(ended.error().message);
    return Failure(std::move(started.error()).wrap("unable to start container process"));
  }
  if (args.given("pid-file")) HF_DO(write_pid_file(args.text("pid-file"), process.pid));
  if (detach) return 0;
  return foreground.wait();
}

Result<int> run(const Globals& globals, const Arguments& args) {
  HF_TRY(const Container container, find_container(globals, args.operands()[0]));
  HF_DO(check_status(container, args.on("ignore-paused")));
  const uint32_t activated = listen_fds();
  HF_TRY(uint32_t inherited, args.number<uint32_t>("preserve-fds", 0));
  inherited += activated;
  HF_DO(check_preserved(inherited));
  HF_TRY(SpawnedStage stage, spawn_stage(inherited));  // it starts while we decide
  HF_TRY(const std::string document, container.dir.load_plan_document());
  HF_TRY(const Plan plan, with_context(decode_plan(document), "plan of {}", container.state.id));
  HF_TRY(const Decided decided, decide(plan, globals, args, activated));
  const ProcessPlan& process = decided.process;
  HF_TRY(const auto filters, stored_filters(container.dir, plan));
  HF_TRY(const CgroupRecord cgroups, sub_cgroups(container.state.cgroups, args.list("cgroup")));
  InitProcess init{.pid = container.state.init.pid, .pidfd = {}};
  HF_TRY(init.pidfd, open_process(container.state.init));
  LaunchOptions options;
  options.console_socket = args.text("console-socket");
  const LaunchRequest request{.plan = plan,
                              .document = document,
                              .filters = filters,
                              .cgroups = cgroups,
                              .preserve_fds = inherited};
  HF_TRY(Launched launched,
         with_context(launch_exec(std::move(stage), request, process, init, std::move(options)),
                      "unable to start container process"));
  auto recorded = record_exec(decided.audit, plan, process, launched.pid);
  auto status = recorded ? attend(launched, args) : Result<int>(Failure(recorded.error()));
  if (!status)
    if (auto ended = end_process(launched.pidfd); !ended) warn(ended.error().message);
  return status;
}

}  // namespace

const Verb kExecVerb = {.syntax = {.name = "exec",
                                   .operands = "ID COMMAND [ARGUMENT...]",
                                   .summary = "run a further process in a container",
                                   .example = "holdfast exec --user 1000 web1 ls -l /",
                                   .flags = kFlags,
                                   .min_operands = 1,
                                   .max_operands = SIZE_MAX,
                                   .stops_at_operand = true},
                        .run = run,
                        .failure_prefix = "exec failed",
                        .failure_status = 255};

}  // namespace holdfast
