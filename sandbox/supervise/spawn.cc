#include "sandbox/supervise/spawn.h"

#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/kernel/helper.h"
#include "sandbox/launch/spawn.h"
#include "sandbox/supervise/packet.h"

namespace holdfast {
namespace {

constexpr char kProgram[] = "holdfast-supervisor";
constexpr int kChannel = 3;
constexpr char kCgroups[] = "/sys/fs/cgroup";

// Where the supervisor of a container belongs: at the top. An engine that is stopped, or limited, takes
// what is in its cgroups along.
struct Home {
  Fd v2;                           // for CLONE_INTO_CGROUP
  std::vector<std::string> tasks;  // of version 1
};

// Only where we are somewhere else: nothing is opened that need not be.
Result<Home> find_home() {
  Home home;
  HF_TRY(const std::string text, read_file("/proc/self/cgroup", 65536));
  struct stat unified {};
  const bool hybrid = ::stat("/sys/fs/cgroup/unified", &unified) == 0;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');  // number, controllers, path
    if (fields.size() < 3 || fields[2] == "/") continue;
    if (fields[1].empty()) {
      const std::string top = hybrid ? "/sys/fs/cgroup/unified" : kCgroups;
      home.v2 = Fd(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      continue;
    }
    std::string_view name = fields[1];
    if (name.starts_with("name=")) name.remove_prefix(5);
    home.tasks.push_back(fmt::format("{}/{}/tasks", kCgroups, name));
  }
  return home;
}

// clone3(2) as fork(2); into the cgroup, if it takes processes.
pid_t fork_into_cgroup(const Fd& cgroup) {
  clone_args request{};
  request.exit_signal = SIGCHLD;
  if (cgroup) {
    request.flags = CLONE_INTO_CGROUP;
    request.cgroup = static_cast<uint64_t>(cgroup.get());
  }
  const long pid = ::syscall(SYS_clone3, &request, sizeof request);
  // Not the root of the hierarchy but of a namespace, or not ours: then it stays where we are.
  if (pid < 0 && cgroup) return fork_into_cgroup(Fd());
  return static_cast<pid_t>(pid);
}

[[noreturn]] void become(const std::string& path, int channel, const Home& home) {
  // Each alone: a single-threaded process moves itself at little cost (docs/adr/0030-cgroup-join.md).
  for (const std::string& tasks : home.tasks) {
    const Fd file(::open(tasks.c_str(), O_WRONLY | O_CLOEXEC));
    if (file) (void)!::write(file.get(), "0", 1);
  }
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  if (null < 0 || ::chdir("/") != 0) ::_exit(127);
  for (int stdio = 0; stdio < 3; ++stdio) ::dup2(null, stdio);
  if (channel == kChannel)
    ::fcntl(channel, F_SETFD, 0);
  else
    ::dup2(channel, kChannel);
  ::syscall(SYS_close_range, kChannel + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  std::string name = kProgram;
  char* arguments[] = {name.data(), nullptr};
  char* environment[] = {nullptr};
  ::execve(path.c_str(), arguments, environment);
  ::_exit(127);
}

Result<sockaddr_un> address_in(const DirFd& state) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", state.get(), kControlSocket);
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

Result<Fd> make_socket() {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return os_error("make a socket");
  return socket;
}

}  // namespace

SupervisorProcess::~SupervisorProcess() {
  if (pid_ == 0) return;
  // Our child, not reaped: the pid is still its own.
  ::kill(pid_, SIGKILL);
  (void)reap(pid_);
}

Result<SupervisorProcess> SupervisorProcess::spawn() {
  HF_TRY(const std::string path, helper_path(kProgram));
  HF_TRY(const Home home, find_home());
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return os_error("make a channel to the supervisor");
  SupervisorProcess made;
  made.channel_ = Fd(ends[0]);
  const Fd theirs(ends[1]);
  made.pid_ = fork_into_cgroup(home.v2);
  if (made.pid_ == 0) become(path, theirs.get(), home);
  if (made.pid_ < 0) {
    made.pid_ = 0;
    return os_error("start {}", kProgram);
  }
  return made;
}

Result<> SupervisorProcess::prepare(const SupervisorBoot& boot, const Fd& control) {
  HF_TRY(const Fd record, write_supervisor_boot(boot));
  const int fds[] = {record.get(), control.get()};
  // If it has failed already, ready() tells why.
  if (auto sent = send_packet(channel_, "boot", fds); !sent && sent.error().code != EPIPE)
    return with_context(std::move(sent), "supervisor");
  return {};
}

Result<> SupervisorProcess::watch(pid_t pid, const Fd& pidfd) {
  const int fds[] = {pidfd.get()};
  if (auto sent = send_packet(channel_, fmt::format("container {}", pid), fds);
      !sent && sent.error().code != EPIPE)
    return with_context(std::move(sent), "supervisor");
  return {};
}

Result<SupervisorPids> SupervisorProcess::ready() {
  HF_TRY(const Packet answer, with_context(receive_packet(channel_), "supervisor"));
  const std::string_view text = answer.text;
  const size_t space = std::min(text.find(' '), text.size() - 1);
  const std::string_view rest = text.substr(space + 1);
  if (!text.starts_with("ready ")) return error("supervisor: {}", rest);
  const auto supervisor = parse_number<pid_t>(rest);
  if (!supervisor) return error("supervisor: unexpected answer {}", text);
  channel_ = {};
  return SupervisorPids{std::exchange(pid_, 0), *supervisor};
}

Result<Fd> listen_for_control(const DirFd& state) {
  HF_TRY(Fd socket, make_socket());
  HF_TRY(const sockaddr_un address, address_in(state));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return os_error("bind {}", kControlSocket);
  if (::listen(socket.get(), 8) != 0) return os_error("listen at {}", kControlSocket);
  return socket;
}

Result<std::string> ask_keeper(const DirFd& state, std::string_view request) {
  HF_TRY(const Fd socket, make_socket());
  HF_TRY(const sockaddr_un address, address_in(state));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ENOENT) return error("it has no supervisor: its plan watches nothing");
    if (errno == ECONNREFUSED) return error("its supervisor and keeper are gone");
    return os_error("connect to its keeper");
  }
  HF_DO(send_packet(socket, request));
  HF_TRY(Packet answer, receive_packet(socket));
  if (answer.text.starts_with("ok ")) return answer.text.substr(3);
  if (answer.text.starts_with("error ")) return error("{}", answer.text.substr(6));
  return error("unexpected answer {}", answer.text);
}

}  // namespace holdfast
