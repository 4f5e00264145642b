#include "sandbox/kernel/bpf/network_pins.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "network_version.h"
#include "sandbox/kernel/helper.h"

namespace holdfast {
namespace {

Result<pid_t> spawn(const std::string& path, const char* verb, const Fd& channel, int extra) {
  std::string name = kNetworkHelper, argument = verb;
  char* arguments[] = {name.data(), argument.data(), nullptr};
  char* environment[] = {nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  // First the descriptor that could stand where another one is put.
  if (extra >= 0) ::posix_spawn_file_actions_adddup2(&actions, extra, 3);
  ::posix_spawn_file_actions_adddup2(&actions, channel.get(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, channel.get(), 1);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, extra >= 0 ? 4 : 3);
  pid_t pid = 0;
  const int code = ::posix_spawn(&pid, path.c_str(), &actions, nullptr, arguments, environment);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return os_error_of(code, "run {}", path);
  return pid;
}

bool is_bpffs(const char* path) {
  struct statfs info {};
  return ::statfs(path, &info) == 0 && info.f_type == BPF_FS_MAGIC;
}

}  // namespace

std::string network_version() { return "network-" HF_NET_OBJECT_DIGEST; }

std::string find_bpffs() {
  if (is_bpffs("/sys/fs/bpf")) return "/sys/fs/bpf";
  const std::string own = fmt::format("{}/bpf", kNetworkDirectory);
  return is_bpffs(own.c_str()) ? own : std::string();
}

Result<> run_network_helper(const char* verb, std::string_view input, int extra) {
  HF_TRY(const std::string path, helper_path(kNetworkHelper));
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return os_error("make a socket pair");
  Fd ours(pair[0]), theirs(pair[1]);
  // Out of the way of descriptor 3, whatever we were called with.
  if (const int high = ::fcntl(theirs.get(), F_DUPFD_CLOEXEC, 10); high >= 0) theirs = Fd(high);
  HF_TRY(const pid_t pid, spawn(path, verb, theirs, extra));
  theirs = {};
  const bool sent = ::send(ours.get(), input.data(), input.size(), MSG_NOSIGNAL) >= 0;
  ::shutdown(ours.get(), SHUT_WR);
  auto said = sent ? read_all(ours, 1 << 16) : Result<std::string>(os_error("ask it"));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  HF_TRY(const std::string text, with_context(std::move(said), "{}", kNetworkHelper));
  if (status == 0) return {};
  if (text.empty()) return error("{} ended with wait status {}", kNetworkHelper, status);
  return error("{}", trim(text));
}

Result<std::string> network_pins() {
  const auto directory = [](const std::string& bpffs) {
    return fmt::format("{}/holdfast/{}", bpffs, network_version());
  };
  const auto there = [](const std::string& path) { return ::access(path.c_str(), F_OK) == 0; };
  std::string bpffs = find_bpffs();
  if (std::string pins = directory(bpffs); !bpffs.empty() && there(pins)) return pins;
  HF_DO(run_network_helper("load"));
  bpffs = find_bpffs();
  if (std::string pins = directory(bpffs); !bpffs.empty() && there(pins)) return pins;
  return error("{} loaded the programs, and {} is not there", kNetworkHelper, directory(bpffs));
}

Result<> add_network_rings() { return run_network_helper("rings"); }

}  // namespace holdfast
