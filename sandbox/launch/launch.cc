#include "sandbox/launch/launch.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "sandbox/kernel/apparmor.h"
#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"
#include "sandbox/kernel/user_mapping.h"
#include "sandbox/kernel/user_namespace.h"
#include "sandbox/kernel/verify.h"
#include "sandbox/launch/boot.h"
#include "sandbox/launch/channel.h"
#include "sandbox/launch/spawn.h"
#include "sandbox/launch/stage.h"

namespace holdfast {

namespace {

using oci::NamespaceType;

// Init, from its birth on; unless it is released it is killed and reaped.
class Init {
 public:
  Init() = default;
  Init(const Init&) = delete;
  Init& operator=(const Init&) = delete;
  ~Init() {
    if (pid_ == 0) return;
    // Our child, not reaped: the pid is still its own.
    ::kill(pid_, SIGKILL);
    (void)reap(pid_);
  }

  pid_t pid() const { return pid_; }
  void born(pid_t pid) { pid_ = pid; }
  void release() { pid_ = 0; }

 private:
  pid_t pid_ = 0;
};

// What the runtime does while init works: answers its messages until it is ready.
class Conversation {
 public:
  // `planned` is what init is to become; a further process if it names another one as the first.
  Conversation(const Examinee& planned, const Channel& channel, LaunchOptions& options, Init& init)
      : plan_(planned.plan),
        exec_(planned.init > 0),
        subject_(planned),
        channel_(channel),
        options_(options),
        init_(init) {}

  Result<> until_ready() {
    while (true) {
      auto message = channel_.receive();
      if (!message)
        return Failure(
            std::move(message.error()).wrap("the container's first process ended early"));
      if (message->type == MessageType::kReady) return ready(message->value);
      auto answered = answer(*message);
      if (answered) continue;
      // If init died meanwhile, its own reason explains more than what we failed at because of it.
      if (auto reason = channel_.pending_failure()) return Failure(std::move(*reason));
      return answered;
    }
  }

  // What was read back of it.
  Findings take_findings() { return std::move(found_); }
  Fd take_pidfd() { return std::move(pidfd_); }
  Fd take_terminal() { return std::move(terminal_); }

 private:
  Result<> answer(Message& message) {
    switch (message.type) {
      case MessageType::kFailed:
        return Failure(Error{std::move(message.text), message.value});
      case MessageType::kBorn:
        return born(message.sender);
      case MessageType::kTerminal:
        return terminal(std::move(message.fds));
      case MessageType::kHooks:
        return hooks();
      case MessageType::kListener:
        return listener(message.value);
      case MessageType::kEnclosed:
        if (options_.enclosed) HF_DO(options_.enclosed(init_.pid(), pidfd_));
        return look_around();
      default:
        return error("unexpected message {} from the container's first process",
                     static_cast<uint32_t>(message.type));
    }
  }

  Result<> born(pid_t pid) {
    if (pid <= 0) return error("the container's first process did not tell who it is");
    init_.born(pid);
    pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd_) return os_error("open a pidfd");
    subject_.pid = pid;
    if (options_.born) HF_DO(options_.born(pid));
    if (!exec_ && makes_namespace(plan_, NamespaceType::kUser)) HF_DO(map_ids(pid));
    if (options_.meanwhile) HF_DO(options_.meanwhile());
    return exec_ ? look_around() : Result<>{};
  }

  Result<> map_ids(pid_t pid) {
    HF_DO(
        with_context(write_id_maps(pid, plan_.uid_mappings, plan_.gid_mappings), "user namespace"));
    return channel_.send({MessageType::kContinue});
  }

  // While init goes on with itself.
  Result<> look_around() {
    HF_TRY(procfs_, host_procfs());
    subject_.procfs = &procfs_;
    HF_TRY(Findings found, examine_places(subject_));
    found_.append(std::move(found));
    return {};
  }

  Result<> ready(int32_t self_checked) {
    subject_.self_checked = static_cast<uint32_t>(self_checked);
    HF_TRY(Findings found, examine_process(subject_));
    found_.append(std::move(found));
    HF_DO(found_.verdict());
    return options_.watched ? options_.watched() : Result<>{};
  }

  Result<> terminal(std::vector<Fd> fds) {
    if (fds.size() != 1) return error("no terminal arrived from the container's first process");
    Fd master = std::move(fds[0]);
    if (!options_.console_socket.empty())
      return with_context(send_terminal(options_.console_socket, master), "console socket");
    terminal_ = std::move(master);
    return {};
  }

  Result<> hooks() {
    const pid_t pid = init_.pid();
    if (!plan_.net_devices.empty()) {
      HF_TRY(DirFd ns, DirFd::open(fmt::format("/proc/{}/ns", pid)));
      HF_TRY(Fd net, ns.open_at("net", O_RDONLY));
      HF_DO(with_context(move_net_devices(plan_.net_devices, net), "netDevices"));
    }
    if (options_.before_pivot) HF_DO(options_.before_pivot(pid));
    return channel_.send({MessageType::kContinue, pid});
  }

  std::string state_document() const {
    return oci::encode_state({plan_.oci_version, plan_.id, exec_ ? "running" : "creating",
                              init_.pid(), plan_.bundle, plan_.annotations});
  }

  Result<> listener(int number) {
    const Fd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd_.get(), number, 0)));
    if (!fd) return os_error("fetch the seccomp listener");
    for (const auto& filter : plan_.filters) {
      if (filter.listener_path.empty()) continue;
      HF_DO(
          with_context(send_listener(filter.listener_path, fd,
                                     listener_document(plan_.oci_version, init_.pid(),
                                                       filter.listener_metadata, state_document())),
                       "seccomp listener {}", filter.listener_path));
    }
    return channel_.send({MessageType::kContinue});
  }

  const Plan& plan_;
  const bool exec_;
  Examinee subject_;
  DirFd procfs_;
  Findings found_;
  const Channel& channel_;
  LaunchOptions& options_;
  Init& init_;
  Fd pidfd_;
  Fd terminal_;
};

bool has_hook_work(const Plan& plan) {
  return !plan.hooks.prestart.empty() || !plan.hooks.create_runtime.empty() ||
         !plan.hooks.create_container.empty() || !plan.hooks.start_container.empty() ||
         !plan.net_devices.empty();
}

// Stage 1 may have failed meanwhile: then why is there to be received.
Result<> tell(const Channel& channel, const Message& message, std::span<const int> fds = {}) {
  auto sent = channel.send(message, fds);
  if (!sent && sent.error().code != EPIPE) return sent;
  return {};
}

Result<> hand_over(const Channel& channel, const BootRecord& record, std::span<const int> beside) {
  HF_TRY(const Fd file, write_boot(record));
  std::vector<int> fds{file.get()};
  fds.insert(fds.end(), beside.begin(), beside.end());
  return tell(channel, {MessageType::kBoot}, fds);
}

// A container with a cgroup namespace and a cgroup mount that it may write to, in a user namespace.
std::optional<uint32_t> cgroup_owner(const Plan& plan) {
  const bool writable = std::any_of(plan.mounts.begin(), plan.mounts.end(), [](const auto& each) {
    return (each.type == "cgroup" || each.type == "cgroup2") &&
           (each.attr_set & MOUNT_ATTR_RDONLY) == 0;
  });
  if (!writable || plan.rootless || !makes_namespace(plan, NamespaceType::kCgroup))
    return std::nullopt;
  return outside_id(plan.uid_mappings, plan.process.user.uid);
}

Result<> make_cgroups(const SpawnedStage& stage, const LaunchRequest& request,
                      const LaunchOptions& options) {
  // Stage 1 reads its record and opens the mounts' sources meanwhile.
  if (options.handed_over) HF_DO(options.handed_over());
  HF_DO(with_context(create_cgroups(request.cgroups, request.plan.cgroup.resources, stage.pid()),
                     "cgroup"));
  if (options.cgroups_made) HF_DO(options.cgroups_made());
  if (const auto owner = cgroup_owner(request.plan))
    HF_DO(with_context(delegate_cgroup(request.cgroups, *owner), "cgroup"));
  HF_DO(tell(stage.channel(), {MessageType::kContinue}));
  // Stage 1 joins them and clones init meanwhile, which goes on when it is told that the limits stand.
  HF_DO(with_context(limit_cgroups(request.cgroups, request.plan.cgroup.resources), "cgroup"));
  return tell(stage.channel(), {MessageType::kContinue});
}

Result<Launched> see_through(SpawnedStage& stage, const Examinee& planned, LaunchOptions& options) {
  Init init;
  Conversation conversation(planned, stage.channel(), options, init);
  HF_DO(conversation.until_ready());
  HF_DO(stage.reap());
  HF_DO(stage.channel().send({MessageType::kContinue}));

  Launched launched;
  launched.pid = init.pid();
  launched.pidfd = conversation.take_pidfd();
  launched.terminal = conversation.take_terminal();
  launched.channel = stage.take_channel();
  launched.apparmor_label = planned.process.apparmor_profile;
  launched.verified = conversation.take_findings();
  launched.filters_before = planned.filters_before;
  init.release();
  return launched;
}

}  // namespace

Result<Launched> launch(SpawnedStage stage, const LaunchRequest& request, LaunchOptions options) {
  HF_TRY(const uint32_t filters_before, own_filter_count());
  const BootNotes notes{.cgroups = request.cgroups,
                        .wants_hooks = has_hook_work(request.plan),
                        .parks = static_cast<bool>(options.start_fifo),
                        .preserve_fds = request.preserve_fds};
  const BootRecord record{request.document, nullptr, request.filters, notes};
  const int fifo = options.start_fifo ? options.start_fifo.get() : -1;
  HF_DO(hand_over(stage.channel(), record, {&fifo, notes.parks ? size_t{1} : 0}));
  options.start_fifo = {};  // init's lock on it ends with init
  HF_DO(make_cgroups(stage, request, options));
  return see_through(stage,
                     {.plan = request.plan,
                      .process = request.plan.process,
                      .cgroups = &request.cgroups,
                      .filters_before = filters_before},
                     options);
}

Result<Launched> launch_exec(SpawnedStage stage, const LaunchRequest& request,
                             const ProcessPlan& process, const InitProcess& init,
                             LaunchOptions options) {
  HF_TRY(const uint32_t filters_before, own_filter_count());
  const BootNotes notes{
      .cgroups = request.cgroups, .init_pid = init.pid, .preserve_fds = request.preserve_fds};
  const int pidfd = init.pidfd.get();
  HF_DO(hand_over(stage.channel(), {request.document, &process, request.filters, notes},
                  {&pidfd, 1}));
  return see_through(stage,
                     {.plan = request.plan,
                      .process = process,
                      .cgroups = &request.cgroups,
                      .filters_before = filters_before,
                      .init = init.pid},
                     options);
}

Result<> go(Launched& launched) {
  HF_DO(launched.channel.send({MessageType::kContinue}));
  HF_DO(launched.channel.wait_closed());
  return verify_apparmor(launched.pid, launched.apparmor_label);
}

}  // namespace holdfast
