#include "shim/oci/create_container.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "profiles/policy/notify.h"
#include "profiles/policy/resolve.h"
#include "sandbox/kernel/bpf/network_control.h"
#include "sandbox/kernel/nftables.h"
#include "sandbox/kernel/probe.h"
#include "sandbox/launch/filter_cache.h"
#include "sandbox/launch/hook_program.h"
#include "sandbox/launch/hooks.h"
#include "sandbox/supervise/spawn.h"
#include "shim/oci/audit.h"
#include "shim/oci/bundle.h"
#include "shim/oci/destroy.h"
#include "shim/oci/id_range.h"
#include "shim/oci/labels.h"
#include "shim/oci/load_policy.h"
#include "shim/oci/notify_relay.h"
#include "shim/oci/pid_file.h"
#include "shim/oci/request_facts.h"
#include "shim/oci/user_namespace_facts.h"

namespace holdfast {
namespace {

// What is decided before anything is touched.
struct Decided {
  DirFd bundle;
  HostFacts facts;
  Plan plan;
  std::vector<Filter> filters;
  AppArmorProfile apparmor;
  bool wants_categories = false;
  AuditSettings audit;
};

Result<> check_terminal(const oci::Spec& spec, const CreateRequest& request) {
  const bool terminal = spec.process && spec.process->terminal;
  const bool detached = request.parked || request.detached;
  if (detached && terminal && request.console_socket.empty())
    return error("cannot allocate tty if holdfast will detach without setting console socket");
  if ((!detached || !terminal) && !request.console_socket.empty())
    return error("cannot use console socket if holdfast will not detach or allocate tty");
  return {};
}

// Compiles the filters, or takes them from the cache, and enters them into the plan.
Result<std::vector<Filter>> take_filters(Resolved& resolved) {
  std::vector<Filter> filters;
  resolved.plan.filters.clear();
  if (resolved.filters.empty()) return filters;
  HF_TRY(const FilterCache cache, FilterCache::open(default_cache_root()));
  for (FilterSource& source : resolved.filters) {
    HF_TRY(KeptFilter kept,
           with_context(cache.get(source.seccomp, source.options), "seccomp {}", source.plan.name));
    FilterPlan plan = std::move(source.plan);
    plan.instructions = static_cast<uint32_t>(kept.filter.size());
    plan.digest = std::move(kept.digest);
    resolved.plan.filters.push_back(std::move(plan));
    filters.push_back(std::move(kept.filter));
  }
  return filters;
}

// How many descriptors the program inherits beyond its standard streams.
Result<uint32_t> inherited_fds(const CreateRequest& request) {
  const uint32_t count = listen_fds() + request.preserve_fds;
  HF_DO(check_preserved(count));
  return count;
}

Result<Decided> decide(const Globals& globals, const CreateRequest& request, uint32_t inherited) {
  Decided decided;
  HF_TRY(Bundle bundle, open_bundle(request.bundle, request.config));
  oci::Spec& spec = bundle.spec;
  HF_DO(check_terminal(spec, request));
  const uint32_t activated = listen_fds();
  if (activated > 0 && spec.process) {
    spec.process->env.push_back(fmt::format("LISTEN_FDS={}", activated));
    spec.process->env.emplace_back("LISTEN_PID=1");
  }
  HF_TRY(decided.facts, probe_host());
  const HostFacts& facts = decided.facts;
  HF_TRY(const Policy policy, load_policy(facts, subject_of(spec, facts, globals.root)));
  const bool rootless = globals.rootless.value_or(facts.euid != 0 || facts.in_user_namespace);
  Request asked = request_for(bundle, request.id, rootless);
  asked.cgroup_driver = globals.cgroup_driver;
  asked.no_pivot = request.no_pivot;
  asked.new_keyring = !request.no_new_keyring;
  asked.preserve_fds = inherited;
  if (request.notify) {
    HF_TRY(asked.notify_directory, notify_directory(globals.root, request.id));
  }
  add_label_facts(spec, facts, asked);
  add_policy_facts(spec, policy, asked);
  add_user_namespace_facts(spec, policy, facts, asked);
  decided.audit = audit_settings(policy, facts, globals.root);
  auto answer = resolve(asked, spec, policy, facts);
  if (!answer)
    return refused(decided.audit, "create", request.id, policy.profile.name,
                   std::move(answer).error());
  Resolved& resolved = *answer;
  HF_TRY(decided.filters, take_filters(resolved));
  decided.plan = std::move(resolved.plan);
  decided.bundle = std::move(bundle.dir);
  decided.apparmor = std::move(resolved.apparmor);
  decided.wants_categories = resolved.wants_categories;
  return decided;
}

// The making, step by step; whatever was made is undone by abandon().
class Creation {
 public:
  Creation(const CreateRequest& request, Decided decided, StateDir dir)
      : request_(request), decided_(std::move(decided)), dir_(std::move(dir)) {}

  Result<CreatedContainer> run(SpawnedStage stage) {
    auto made = make(std::move(stage));
    if (!made) {
      abandon();
      return Failure(std::move(made).error());
    }
    return CreatedContainer{std::move(dir_), std::move(state_), decided_.plan.process.terminal,
                            std::move(process_)};
  }

 private:
  const Plan& plan() const { return decided_.plan; }

  // They run in the container's namespaces, where it may not be seen whose their programs are.
  Result<> look_at_inner_hooks() const {
    for (const oci::Hook& hook : plan().hooks.create_container) {
      if (!is_guarded(hook)) continue;
      auto program = open_hook_program(hook);
      if (!program)
        return Failure(
            std::move(program.error()).wrap(fmt::format("createContainer hook ({})", hook.path)));
    }
    return {};
  }

  Result<> make(SpawnedStage stage) {
    HF_DO(look_at_inner_hooks());
    if (plan().supervision) {
      HF_TRY(supervisor_, SupervisorProcess::spawn());
    }
    HF_TRY(state_.id_range, take_id_range(decided_.plan, dir_));
    HF_TRY(state_.apparmor,
           take_labels(decided_.plan, decided_.apparmor, decided_.wants_categories, dir_));
    if (request_.notify) {
      HF_TRY(const FileIdentity made, make_notify_directory(dir_));
      assign_notify_directory(decided_.plan, made);
    }
    document_ = encode_plan(plan());
    HF_TRY(state_.cgroups,
           with_context(plan_cgroups(plan().cgroup, request_.id, plan().rootless), "cgroups"));
    LaunchOptions options;
    if (request_.parked) {
      HF_TRY(options.start_fifo, dir_.make_start_fifo());
    }
    options.console_socket = request_.console_socket;
    options.handed_over = [this] { return journal(); };
    options.cgroups_made = [this] { return cgroups_made(); };
    options.born = [this](pid_t pid) { return born(pid); };
    options.meanwhile = [this] { return keep_for_later(); };
    if (plan().supervision) {
      options.enclosed = [this](pid_t pid, const Fd& pidfd) {
        return supervisor_.watch(pid, pidfd);
      };
      options.watched = [this] { return watched(); };
    }
    options.before_pivot = [this](pid_t pid) { return before_pivot(pid); };
    const LaunchRequest launched{.plan = plan(),
                                 .document = document_,
                                 .filters = decided_.filters,
                                 .cgroups = state_.cgroups,
                                 .preserve_fds = plan().preserve_fds};
    HF_TRY(process_, with_context(launch(std::move(stage), launched, std::move(options)),
                                  "unable to start container process"));
    if (!request_.pidfd_socket.empty()) HF_DO(send_pidfd(request_.pidfd_socket, process_.pidfd));
    state_.complete = true;
    state_.attestation = attest(process_.verified, decided_.facts, process_.filters_before);
    state_.attestation->plan_digest = state_.plan_digest;
    if (records_lifecycle(decided_.audit)) state_.audit = decided_.audit;
    HF_DO(record_created(decided_.audit, plan(), state_.plan_digest, state_.init));
    HF_DO(dir_.save(state_));
    // Last, because an engine takes it for the sign that all is done.
    if (!request_.pid_file.empty()) HF_DO(write_pid_file(request_.pid_file, process_.pid));
    return {};
  }

  // The intent, before anything outside the state directory exists.
  Result<> journal() {
    state_.id = request_.id;
    state_.oci_version = plan().oci_version;
    state_.bundle = plan().bundle;
    state_.rootfs = plan().rootfs;
    state_.created = rfc3339_nano(wall_clock());
    state_.owner = owner_name(::geteuid());
    state_.annotations = plan().annotations;
    state_.hooks.poststart = plan().hooks.poststart;
    state_.hooks.poststop = plan().hooks.poststop;
    state_.profile = plan().profile;
    HF_TRY(state_.creator, identify(::getpid()));
    return dir_.save(state_);
  }

  // The journal's second entry, before any process is let into the cgroups: from now on they are ours,
  // and so is all that runs in them. Without it delete removes only what stands empty.
  Result<> cgroups_made() {
    cgroups_made_ = true;
    HF_DO(dir_.store_plan(document_));
    if (plan().supervision && plan().supervision->network)
      HF_DO(with_context(apply_network(*plan().supervision, state_.cgroups), "network"));
    return plan().supervision ? prepare_supervisor() : Result<>{};
  }

  Result<> prepare_supervisor() {
    HF_TRY(const Fd control, listen_for_control(dir_.dir()));
    return supervisor_.prepare({.id = request_.id,
                                .profile = plan().profile,
                                .plan_digest = sha256_hex(document_),
                                .plan = *plan().supervision,
                                .cgroups = state_.cgroups,
                                .audit = decided_.audit},
                               control);
  }

  Result<> watched() {
    HF_TRY(const SupervisorPids pids, supervisor_.ready());
    for (const pid_t pid : {pids.keeper, pids.supervisor}) {
      HF_TRY(ProcessIdentity process, identify(pid));
      state_.supervisors.push_back(std::move(process));
    }
    return {};
  }

  bool has_early_hooks() const {
    return !plan().hooks.prestart.empty() || !plan().hooks.create_runtime.empty();
  }

  // Where no cgroup can: before the container's first instruction, in its own network namespace.
  Result<> filter_packets(const NetworkPlan& network, pid_t pid) const {
    if (network.mechanism != Mechanism::kNftables) return {};
    HF_TRY(const DirFd namespaces, DirFd::open(fmt::format("/proc/{}/ns", pid)));
    HF_TRY(const Fd netns, namespaces.open_at("net", O_RDONLY));
    return apply_nftables(network, netns);
  }

  // Saved at once only if something may ask or lose it: a hook that calls `state`, or a container that
  // no cgroup would find. Otherwise the one save at the end tells it.
  Result<> born(pid_t pid) {
    HF_TRY(state_.init, identify(pid));
    if (plan().supervision && plan().supervision->network)
      HF_DO(filter_packets(*plan().supervision->network, pid));
    if (has_early_hooks() || state_.cgroups.directories.empty()) return dir_.save(state_);
    return {};
  }

  // What only a complete container is asked for.
  Result<> keep_for_later() {
    state_.plan_digest = sha256_hex(document_);
    if (decided_.filters.empty()) return {};
    return dir_.dir().create("filters", filter_bytes(decided_.filters));
  }

  Result<> before_pivot(pid_t pid) {
    if (!has_early_hooks()) return {};
    hooks_ran_ = true;
    const std::string document = oci::encode_state(oci_state(state_, "creating", pid));
    HF_DO(run_hooks("prestart", plan().hooks.prestart, document, decided_.bundle));
    return run_hooks("createRuntime", plan().hooks.create_runtime, document, decided_.bundle);
  }

  // The error that brought us here is the one to tell; what goes wrong in undoing is a warning.
  void abandon() {
    if (process_.pidfd)
      if (auto ended = end_process(process_.pidfd); !ended) warn(ended.error().message);
    // Cgroups that could not be made are another's: they and what runs in them stay.
    if (cgroups_made_)
      if (auto done = release_resources(state_); !done) warn(done.error().message);
    if (auto done = release_id_range(state_.id_range, dir_); !done) warn(done.error().message);
    if (auto done = release_labels(state_, dir_); !done) warn(done.error().message);
    if (auto done = dir_.remove(); !done && dir_.linked()) warn(done.error().message);
    if (hooks_ran_) run_poststop(state_);
  }

  const CreateRequest& request_;
  Decided decided_;
  StateDir dir_;
  ContainerState state_;
  std::string document_;  // the plan's
  Launched process_;
  SupervisorProcess supervisor_;
  bool cgroups_made_ = false;
  bool hooks_ran_ = false;
};

}  // namespace

Result<CreateRequest> create_request(const Arguments& args) {
  CreateRequest request;
  request.id = args.operands()[0];
  if (args.given("bundle")) request.bundle = args.text("bundle");
  if (args.given("config")) request.config = args.text("config");
  request.console_socket = args.text("console-socket");
  request.pidfd_socket = args.text("pidfd-socket");
  request.pid_file = args.text("pid-file");
  request.no_pivot = args.on("no-pivot");
  request.no_new_keyring = args.on("no-new-keyring");
  HF_TRY(request.notify, wants_notify());
  HF_TRY(request.preserve_fds, args.number<uint32_t>("preserve-fds", 0));
  return request;
}

uint32_t listen_fds() {
  const char* count = ::getenv("LISTEN_FDS");
  const char* pid = ::getenv("LISTEN_PID");
  if (!count || !pid || parse_number<pid_t>(pid) != ::getpid()) return 0;
  return parse_number<uint32_t>(count).value_or(0);
}

Result<> check_preserved(uint32_t count) {
  if (count > 65536) return error("preserve-fds: {} is more than a process can have", count);
  for (uint32_t i = 0; i < count; ++i)
    if (::fcntl(static_cast<int>(3 + i), F_GETFD) < 0)
      return os_error("unable to stat preserved-fd {} (of {})", i + 1, count);
  return {};
}

Result<CreatedContainer> create_container(const Globals& globals, const CreateRequest& request) {
  // The cheap refusal first: an id that cannot be a container's.
  if (!valid_id(request.id)) return error("invalid container ID format");
  HF_TRY(const uint32_t inherited, inherited_fds(request));
  // It starts while we decide.
  HF_TRY(SpawnedStage stage, spawn_stage(inherited));
  HF_TRY(Decided decided, decide(globals, request, inherited));
  HF_TRY(const StateStore store, StateStore::open(globals.root));
  HF_TRY(StateDir dir, store.create(request.id));
  return Creation(request, std::move(decided), std::move(dir)).run(std::move(stage));
}

}  // namespace holdfast
