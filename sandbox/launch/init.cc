#include "sandbox/launch/init.h"

#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/kernel/process.h"
#include "sandbox/kernel/verify.h"
#include "sandbox/launch/file_capabilities.h"
#include "sandbox/launch/hooks.h"
#include "sandbox/launch/launch.h"
#include "sandbox/launch/program.h"

namespace holdfast {

namespace {

using oci::NamespaceType;

// --- the mount tree and what surrounds it: the container's first process only ---

Result<> unshare_cgroup_namespace(Init& init) {
  if (!makes_namespace(init.plan(), NamespaceType::kCgroup)) return {};
  if (::unshare(CLONE_NEWCGROUP) != 0) return os_error("create a cgroup namespace");
  return {};
}

Result<> set_names(Init& init) {
  const Plan& plan = init.plan();
  if (!plan.hostname.empty() && ::sethostname(plan.hostname.data(), plan.hostname.size()) != 0)
    return os_error("set the hostname {}", plan.hostname);
  if (!plan.domainname.empty() &&
      ::setdomainname(plan.domainname.data(), plan.domainname.size()) != 0)
    return os_error("set the domainname {}", plan.domainname);
  return {};
}

Result<> raise_loopback(Init& init) {
  if (!makes_namespace(init.plan(), NamespaceType::kNetwork)) return {};
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return os_error("open a socket for the loopback interface");
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
    return os_error("bring the loopback interface up");
  return {};
}

bool needs_procfs(const Init& init) {
  return !init.process.apparmor_profile.empty() || !init.process.selinux_label.empty() ||
         (!init.is_exec() && !init.plan().sysctl.empty());
}

// Before the pivot: a user namespace may make a procfs only while a full one is visible to it.
Result<> open_procfs(Init& init) {
  if (!needs_procfs(init)) return {};
  HF_TRY(init.procfs, private_procfs());
  return {};
}

Result<> mount_rootfs(Init& init) {
  HF_TRY(init.rootfs, Rootfs::enter(init.plan(), std::move(init.stage.sources)));
  return init.rootfs->mount_all(init.plan(), init.stage.boot.cgroups);
}

Result<> make_devices(Init& init) { return init.rootfs->make_devices(init.plan()); }

// The master goes to the runtime; the peer becomes our terminal in take_stdio.
Result<> connect_terminal(Init& init, const DirFd& devpts) {
  HF_TRY(Terminal terminal, open_terminal(devpts, init.process.user));
  if (init.process.console_size)
    HF_DO(set_window_size(terminal.master, *init.process.console_size));
  init.terminal = std::move(terminal.peer);
  const int master[] = {terminal.master.get()};
  return init.stage.channel.send({MessageType::kTerminal}, master);
}

Result<> make_console(Init& init) {
  if (!init.process.terminal) return {};
  HF_TRY(const DirFd devpts, init.rootfs->open_devpts());
  HF_DO(connect_terminal(init, devpts));
  return init.rootfs->bind_console(init.terminal);
}

std::string hook_state(const Init& init, std::string_view status) {
  const Plan& plan = init.plan();
  return oci::encode_state({plan.oci_version, plan.id, std::string(status), init.host_pid,
                            plan.bundle, plan.annotations});
}

// A bundle that is closed to the root of a user namespace is of no use to hooks that run as that root.
Result<DirFd> hooks_directory(const Init& init) {
  auto bundle = DirFd::open(init.plan().bundle);
  const bool mapped = find_namespace(init.plan(), NamespaceType::kUser) != nullptr;
  if (!bundle && bundle.error().code == EACCES && mapped) return DirFd::open("/");
  return bundle;
}

// prestart and createRuntime run in the runtime, which answers; createContainer here.
Result<> run_create_hooks(Init& init) {
  if (!init.stage.boot.wants_hooks) return {};
  HF_DO(init.stage.channel.send({MessageType::kHooks}));
  HF_TRY(Message done, init.stage.channel.expect(MessageType::kContinue));
  init.host_pid = done.value;
  const auto& hooks = init.plan().hooks.create_container;
  if (hooks.empty()) return {};
  HF_TRY(const DirFd bundle, hooks_directory(init));
  return run_hooks("createContainer", hooks, hook_state(init, "creating"), bundle);
}

Result<> pivot(Init& init) { return init.rootfs->pivot(init.plan()); }

Result<> protect(Init& init) { return init.rootfs->protect(init.plan()); }

// The runtime looks at the mounts while we go on.
Result<> tell_enclosed(Init& init) { return init.stage.channel.send({MessageType::kEnclosed}); }

Result<> set_sysctls(Init& init) {
  for (const auto& [name, value] : init.plan().sysctl) HF_DO(set_sysctl(init.procfs, name, value));
  return {};
}

// --- the process itself: first and further ones alike ---

Result<> open_root(Init& init) {
  HF_TRY(init.root, DirFd::open("/", O_PATH));
  return {};
}

// A further process takes its terminal from the devpts that stands in the container.
Result<> make_exec_console(Init& init) {
  if (!init.process.terminal) return {};
  HF_TRY(Fd devpts, init.root.open_resolved("dev/pts", O_RDONLY | O_DIRECTORY, kInRoot));
  return connect_terminal(init, DirFd(std::move(devpts)));
}

Result<> take_stdio(Init& init) {
  if (init.process.terminal) return take_terminal(init.terminal);
  if (::setsid() < 0) return os_error("make a session");
  return give_pipes(init.process.user.uid);
}

Result<> set_keyring(Init& init) {
  if (!init.plan().new_keyring) return {};
  // SELinux: the container may use a keyring of its own label only.
  const std::string& label = init.process.selinux_label;
  if (!label.empty()) HF_DO(set_selinux_key_label(init.procfs, label));
  HF_DO(new_session_keyring(init.plan().id,
                            find_namespace(init.plan(), NamespaceType::kUser) != nullptr));
  return label.empty() ? Result<>{} : set_selinux_key_label(init.procfs, "");
}

Result<> set_limits(Init& init) { return set_rlimits(init.process.rlimits); }

Result<> set_scheduling(Init& init) {
  const ProcessPlan& process = init.process;
  if (process.scheduler) HF_DO(set_scheduler(*process.scheduler));
  if (process.io_priority) HF_DO(set_io_priority(*process.io_priority));
  if (init.is_exec() && process.cpu_affinity && !process.cpu_affinity->final.empty())
    HF_DO(set_cpu_affinity(process.cpu_affinity->final));
  if (process.personality) HF_DO(set_personality(*process.personality));
  return {};
}

Result<> set_labels(Init& init) {
  const ProcessPlan& process = init.process;
  if (!process.apparmor_profile.empty()) {
    HF_DO(set_apparmor_on_exec(init.procfs, process.apparmor_profile));
    init.checked |= kAppArmorOnExec;
  }
  if (!process.selinux_label.empty())
    HF_DO(set_selinux_on_exec(init.procfs, process.selinux_label));
  return {};
}

Result<> set_mdwe(Init& init) {
  if (!init.process.mdwe) return {};
  HF_DO(refuse_writable_code());
  init.checked |= kMdweSet;
  return {};
}

// As root: what the rules speak of may lie where the user cannot look.
Result<> make_landlock(Init& init) {
  if (!init.plan().landlock) return {};
  HF_TRY(init.landlock, LandlockDomain::make(*init.plan().landlock, init.root));
  return {};
}

// Like a filter it needs no_new_privs or CAP_SYS_ADMIN; before them, because they may forbid it.
Result<> enter_landlock(Init& init) {
  if (!init.plan().landlock) return {};
  HF_DO(init.landlock.enter());
  init.checked |= kLandlockEntered;
  return {};
}

Result<> enter_landlock_early(Init& init) {
  return init.process.no_new_privileges ? Result<>{} : enter_landlock(init);
}

Result<> enter_landlock_late(Init& init) {
  return init.process.no_new_privileges ? enter_landlock(init) : Result<>{};
}

Result<> enter_cwd(Init& init) {
  HF_TRY(init.entered_cwd, enter_directory(init.root, init.process.cwd));
  return {};
}

// The user may search what root may not (a network file system, a user namespace).
Result<> enter_cwd_as_user(Init& init) {
  if (!init.entered_cwd) {
    HF_TRY(const bool entered, enter_directory(init.root, init.process.cwd));
    if (!entered) return os_error_of(EACCES, "working directory {}", init.process.cwd);
  }
  return verify_directory();
}

// The runtime fetches the descriptor by its number: sendmsg may be what the filter notifies about.
Result<> hand_over_listener(Init& init, Fd listener) {
  HF_DO(init.stage.channel.send({MessageType::kListener, listener.get()}));
  return init.stage.channel.await_continue();
}

Result<> load_filters(Init& init) {
  const auto& plans = init.plan().filters;
  const auto& filters = init.stage.boot.filters;
  for (size_t i = 0; i < plans.size(); ++i) {
    HF_TRY(Fd listener,
           with_context(load_filter(filters[i], plans[i].flags), "{} filter", plans[i].name));
    if (listener) HF_DO(hand_over_listener(init, std::move(listener)));
  }
  return {};
}

// seccomp(2): without no_new_privs a filter needs CAP_SYS_ADMIN, so it precedes the capabilities.
Result<> load_filters_early(Init& init) {
  return init.process.no_new_privileges ? Result<>{} : load_filters(init);
}

Result<> load_filters_late(Init& init) {
  return init.process.no_new_privileges ? load_filters(init) : Result<>{};
}

Result<> drop_privileges(Init& init) {
  const ProcessPlan& process = init.process;
  HF_DO(drop_bounding(process.capabilities));
  HF_DO(keep_capabilities(true));
  HF_DO(set_user(process.user, init.plan().rootless));
  HF_DO(keep_capabilities(false));
  return set_capabilities(process.capabilities);
}

Result<> set_no_new_privileges(Init& init) {
  if (!init.process.no_new_privileges) return {};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return os_error("set no_new_privs");
  return {};
}

// As the user and inside the root: what execve will find.
Result<> prepare_program(Init& init) {
  add_home(init.process.env, init.process.user.uid, init.root);
  if (init.process.args.empty()) return error("process.args is empty");
  HF_TRY(init.program, find_program(init.process.args[0], init.process.env));
  return {};
}

Result<> close_descriptors(Init& init) {
  init.root = {};
  init.procfs = {};
  init.rootfs.reset();
  init.terminal = {};
  const unsigned int first = 3 + init.stage.boot.preserve_fds;
  if (::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    return os_error("mark descriptors close-on-exec");
  return {};
}

// The runtime's death ends a half-made container.
Result<> follow_runtime(Init&) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return os_error("set the parent-death signal");
  return {};
}

Result<> unfollow_runtime(Init&) {
  if (::prctl(PR_SET_PDEATHSIG, 0) != 0) return os_error("clear the parent-death signal");
  return {};
}

// No process in the namespaces that we share may trace us before the program runs.
Result<> clear_dumpable(Init&) {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return os_error("clear dumpable");
  return {};
}

constexpr Step kFirstSteps[] = {
    {"", follow_runtime},
    {"", clear_dumpable},
    {"", unshare_cgroup_namespace},
    {"", set_names},
    {"", raise_loopback},
    {"procfs", open_procfs},
    {"mounts", mount_rootfs},
    {"devices", make_devices},
    {"console", make_console},
    {"hooks", run_create_hooks},
    {"pivot", pivot},
    {"protect", protect},
    {"", tell_enclosed},
    {"sysctl", set_sysctls},
    {"", open_root},
};

constexpr Step kExecSteps[] = {
    {"", follow_runtime},
    {"", open_root},
    {"procfs", open_procfs},
    {"console", make_exec_console},
};

constexpr Step kProcessSteps[] = {
    {"terminal", take_stdio},
    {"keyring", set_keyring},
    {"", enter_cwd},
    {"rlimits", set_limits},
    {"scheduling", set_scheduling},
    {"landlock", make_landlock},
    {"", set_labels},
    {"mdwe", set_mdwe},
    {"", unfollow_runtime},
    {"landlock", enter_landlock_early},
    {"seccomp", load_filters_early},
    {"", drop_privileges},
    {"", enter_cwd_as_user},
    {"", prepare_program},
    {"", close_descriptors},
    {"", set_no_new_privileges},
    {"landlock", enter_landlock_late},
    {"seccomp", load_filters_late},
};

template <size_t N>
Result<> run_steps(Init& init, const Step (&steps)[N]) {
  for (const Step& step : steps) {
    auto done = step.run(init);
    if (done) continue;
    if (*step.name == '\0') return done;
    return with_context(std::move(done), "{}", step.name);
  }
  return {};
}

// Verified and parked: what follows is decided by `start` (the FIFO) or `run` (the channel).
Result<> park(Init& init) {
  const Channel& channel = init.stage.channel;
  HF_DO(channel.send({MessageType::kReady, static_cast<int32_t>(init.checked)}));
  HF_DO(channel.await_continue());
  const Fd& fifo = init.stage.boot.start_fifo;
  if (!fifo) return channel.await_continue();
  char byte;
  ssize_t got;
  do got = ::read(fifo.get(), &byte, 1);
  while (got < 0 && errno == EINTR);
  if (got != 1) return os_error("wait for start");
  return {};
}

void report(const Init& init, const Error& failure) {
  const Fd& fifo = init.stage.boot.start_fifo;
  if (!fifo) {
    (void)init.stage.channel.send({MessageType::kFailed, failure.code, failure.message});
  } else {
    // Best effort: `start` may be gone, and then nobody is left to tell.
    (void)!::write(fifo.get(), failure.message.data(), failure.message.size());
  }
}

Result<> execute(Init& init) {
  const auto& hooks = init.plan().hooks.start_container;
  if (!init.is_exec() && !hooks.empty()) {
    HF_TRY(DirFd here, DirFd::open("/"));
    HF_DO(run_hooks("startContainer", hooks, hook_state(init, "created"), here));
  }
  const auto pointers = [](std::vector<std::string>& strings) {
    std::vector<char*> list;
    list.reserve(strings.size() + 1);
    for (auto& each : strings) list.push_back(each.data());
    list.push_back(nullptr);
    return list;
  };
  const auto argv = pointers(init.process.args);
  const auto env = pointers(init.process.env);
  ::execve(init.program.c_str(), argv.data(), env.data());
  const int code = errno;
  if (code == EPERM) {
    const std::string refused = refused_capabilities(init.program);
    if (!refused.empty())
      return os_error_of(code, "exec: \"{}\": the file demands {}, which is not granted here",
                         init.process.args[0], refused);
  }
  return os_error_of(code, "exec: \"{}\"", init.process.args[0]);
}

}  // namespace

Result<> run_init(Stage& stage) {
  Init init(stage, stage.boot.exec ? *stage.boot.exec : stage.boot.plan.process);
  if (init.is_exec()) {
    HF_DO(run_steps(init, kExecSteps));
  } else {
    HF_DO(run_steps(init, kFirstSteps));
  }
  HF_DO(run_steps(init, kProcessSteps));
  if (auto parked = park(init); !parked) ::_exit(1);  // the runtime died, or judged against us
  if (auto done = execute(init); !done) report(init, done.error());
  ::_exit(1);
}

namespace {

// A program starts with no signal blocked and none ignored, whatever the caller did: a shell's background
// job ignores SIGINT.
void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Result<> start_from(Channel& channel) {
  HF_TRY(Message message, channel.expect(MessageType::kBoot));
  HF_TRY(Boot boot, read_boot(std::move(message.fds)));
  Stage stage{std::move(boot), channel, {}, {}, {}, 0};
  HF_DO(enter_namespaces(stage));
  return run_init(stage);
}

}  // namespace

int init_main(const char* channel_descriptor) {
  reset_signals();
  const auto number = parse_number<int>(channel_descriptor);
  if (!number) return 1;
  Channel channel{Fd(*number)};
  // The runtime that ends before it has decided, or decides against us, closes its end.
  const auto done = start_from(channel);
  (void)channel.send({MessageType::kFailed, done.error().code, done.error().message});
  return 1;
}

}  // namespace holdfast
