#include "sandbox/launch/launch.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "sandbox/kernel/process.h"
#include "sandbox/kernel/user_mapping.h"
#include "sandbox/kernel/verify.h"
#include "sandbox/launch/boot.h"
#include "sandbox/launch/channel.h"
#include "sandbox/launch/spawn.h"
#include "sandbox/launch/stage.h"

namespace holdfast {

namespace {

using oci::NamespaceType;

Result<> reap(pid_t pid) {
  while (::waitpid(pid, nullptr, __WALL) < 0)
    if (errno != EINTR) return os_error("wait for process {}", pid);
  return {};
}

// The processes of one launch; whatever is not released is killed and reaped.
class Processes {
 public:
  explicit Processes(pid_t stage) : stage_(stage) {}
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  ~Processes() {
    end(stage_);
    end(init_);
  }

  pid_t init() const { return init_; }
  void born(pid_t init) { init_ = init; }
  Result<> reap_stage() { return reap(std::exchange(stage_, 0)); }
  void release_init() { init_ = 0; }

 private:
  static void end(pid_t pid) {
    if (pid == 0) return;
    // Our child, not reaped: the pid is still its own.
    ::kill(pid, SIGKILL);
    (void)reap(pid);
  }

  pid_t stage_;
  pid_t init_ = 0;
};

// What the runtime does while init works: answers its messages until it is ready.
class Conversation {
 public:
  Conversation(const Boot& boot, const Channel& channel, LaunchOptions& options,
               Processes& processes)
      : boot_(boot), channel_(channel), options_(options), processes_(processes) {}

  Result<> until_ready() {
    while (true) {
      auto message = channel_.receive();
      if (!message)
        return Failure(
            std::move(message.error()).wrap("the container's first process ended early"));
      if (message->type == MessageType::kReady) return {};
      auto answered = answer(*message);
      if (answered) continue;
      // If init died meanwhile, its own reason explains more than what we failed at because of it.
      if (auto reason = channel_.pending_failure()) return Failure(std::move(*reason));
      return answered;
    }
  }

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
        return terminal(std::move(message.fd));
      case MessageType::kHooks:
        return hooks();
      case MessageType::kListener:
        return listener(message.value);
      default:
        return error("unexpected message {} from the container's first process",
                     static_cast<uint32_t>(message.type));
    }
  }

  Result<> born(pid_t pid) {
    if (pid <= 0) return error("the container's first process did not tell who it is");
    processes_.born(pid);
    pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd_) return os_error("open a pidfd");
    if (options_.born) HF_DO(options_.born(pid));
    if (boot_.exec || !makes_namespace(boot_.plan, NamespaceType::kUser)) return {};
    HF_DO(with_context(write_id_maps(pid, boot_.plan.uid_mappings, boot_.plan.gid_mappings),
                       "user namespace"));
    return channel_.send({MessageType::kContinue});
  }

  Result<> terminal(Fd master) {
    if (!options_.console_socket.empty())
      return with_context(send_terminal(options_.console_socket, master), "console socket");
    terminal_ = std::move(master);
    return {};
  }

  Result<> hooks() {
    const pid_t pid = processes_.init();
    if (!boot_.plan.net_devices.empty()) {
      HF_TRY(DirFd ns, DirFd::open(fmt::format("/proc/{}/ns", pid)));
      HF_TRY(Fd net, ns.open_at("net", O_RDONLY));
      HF_DO(with_context(move_net_devices(boot_.plan.net_devices, net), "netDevices"));
    }
    if (options_.before_pivot) HF_DO(options_.before_pivot(pid));
    return channel_.send({MessageType::kContinue, pid, {}, {}});
  }

  std::string state_document() const {
    const Plan& plan = boot_.plan;
    return oci::encode_state({plan.oci_version, plan.id, boot_.exec ? "running" : "creating",
                              processes_.init(), plan.bundle, plan.annotations});
  }

  Result<> listener(int number) {
    const Fd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd_.get(), number, 0)));
    if (!fd) return os_error("fetch the seccomp listener");
    for (const auto& filter : boot_.plan.filters) {
      if (filter.listener_path.empty()) continue;
      HF_DO(
          with_context(send_listener(filter.listener_path, fd,
                                     listener_document(boot_.plan.oci_version, processes_.init(),
                                                       filter.listener_metadata, state_document())),
                       "seccomp listener {}", filter.listener_path));
    }
    return channel_.send({MessageType::kContinue});
  }

  const Boot& boot_;
  const Channel& channel_;
  LaunchOptions& options_;
  Processes& processes_;
  Fd pidfd_;
  Fd terminal_;
};

Result<Launched> launch_boot(Boot boot, LaunchOptions options) {
  HF_TRY(const uint32_t filters_before, own_filter_count());
  HF_TRY(auto pair, Channel::make());
  boot.channel = pair.init.socket().get();
  boot.start_fifo = options.start_fifo ? options.start_fifo.get() : -1;
  HF_TRY(Fd record, write_boot(boot));
  std::vector<int> keep{record.get(), boot.channel};
  if (boot.start_fifo >= 0) keep.push_back(boot.start_fifo);
  if (boot.init_pidfd >= 0) keep.push_back(boot.init_pidfd);
  HF_TRY(const pid_t stage, spawn_init(record, keep, boot.plan.preserve_fds));
  Processes processes(stage);
  pair.init = {};  // so that the death of all of them is an end of file
  record = {};

  if (!boot.exec) {
    // Stage 1 reads its record and opens the mounts' sources meanwhile.
    HF_DO(with_context(create_cgroups(boot.cgroups, boot.plan.cgroup.resources, stage), "cgroup"));
    if (options.cgroups_made) HF_DO(options.cgroups_made());
    // Stage 1 may have failed meanwhile: then why is there to be received.
    auto sent = pair.runtime.send({MessageType::kContinue});
    if (!sent && sent.error().code != EPIPE) return Failure(std::move(sent).error());
  }
  Conversation conversation(boot, pair.runtime, options, processes);
  HF_DO(conversation.until_ready());
  const ProcessPlan& process = boot.exec ? *boot.exec : boot.plan.process;
  HF_DO(
      with_context(verify_process(processes.init(), boot.plan, process, filters_before), "verify"));
  HF_DO(processes.reap_stage());
  HF_DO(pair.runtime.send({MessageType::kContinue}));

  Launched launched;
  launched.pid = processes.init();
  launched.pidfd = conversation.take_pidfd();
  launched.terminal = conversation.take_terminal();
  launched.channel = std::move(pair.runtime);
  processes.release_init();
  return launched;
}

bool has_hook_work(const Plan& plan) {
  return !plan.hooks.prestart.empty() || !plan.hooks.create_runtime.empty() ||
         !plan.hooks.create_container.empty() || !plan.hooks.start_container.empty() ||
         !plan.net_devices.empty();
}

}  // namespace

Result<Launched> launch(const Plan& plan, const std::vector<Filter>& filters,
                        const CgroupRecord& cgroups, LaunchOptions options) {
  Boot boot;
  boot.plan = plan;
  boot.cgroups = cgroups;
  boot.filters = filters;
  boot.wants_hooks = has_hook_work(plan);
  return launch_boot(std::move(boot), std::move(options));
}

Result<Launched> launch_exec(const Plan& plan, const ProcessPlan& process,
                             const std::vector<Filter>& filters, const CgroupRecord& cgroups,
                             const InitProcess& init, LaunchOptions options) {
  Boot boot;
  boot.plan = plan;
  boot.exec = process;
  boot.cgroups = cgroups;
  boot.filters = filters;
  boot.init_pidfd = init.pidfd.get();
  boot.init_pid = init.pid;
  return launch_boot(std::move(boot), std::move(options));
}

Result<> go(Launched& launched) {
  HF_DO(launched.channel.send({MessageType::kContinue}));
  return launched.channel.wait_closed();
}

}  // namespace holdfast
