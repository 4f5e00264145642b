#include "sandbox/launch/spawn.h"

#include <linux/close_range.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

namespace holdfast {

namespace {

constexpr char kSelf[] = "/proc/self/exe";

#ifndef MFD_EXEC
constexpr unsigned int MFD_EXEC = 0x0010;  // Linux 6.3
#endif

Result<Fd> read_only_mount() {
  Fd mount(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, kSelf, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!mount) return os_error("clone the mount of {}", kSelf);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (::syscall(SYS_mount_setattr, mount.get(), "", AT_EMPTY_PATH, &attributes,
                sizeof attributes) != 0)
    return os_error("make the mount of {} read-only", kSelf);
  return mount;
}

Result<Fd> sealed_copy() {
  Fd from(::open(kSelf, O_RDONLY | O_CLOEXEC));
  if (!from) return os_error("open {}", kSelf);
  Fd to(::memfd_create("holdfast-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
  if (!to && errno == EINVAL)  // before Linux 6.3 every memfd was executable
    to = Fd(::memfd_create("holdfast-init", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!to) return os_error("create a memfd for the runtime's copy");
  struct stat info {};
  if (::fstat(from.get(), &info) != 0) return os_error("stat {}", kSelf);
  for (off_t at = 0; at < info.st_size;) {
    const ssize_t put = ::copy_file_range(from.get(), &at, to.get(), nullptr,
                                          static_cast<size_t>(info.st_size - at), 0);
    if (put > 0) continue;
    // Two file systems: copy_file_range refuses some pairs.
    HF_TRY(std::string bytes, read_all(from, static_cast<size_t>(info.st_size)));
    HF_DO(write_all(to, bytes));
    break;
  }
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(to.get(), F_ADD_SEALS, kSeals) != 0) return os_error("seal the runtime's copy");
  return to;
}

// The binary in a form that cannot be written to from inside a container.
Result<Fd> unwritable_self() {
  auto mount = read_only_mount();
  if (mount || mount.error().code != EPERM) return mount;
  return sealed_copy();
}

struct Child {
  int executable;
  int channel;
  uint32_t preserve_fds;
  char* const* argv;
  int failed = 0;  // errno, written by the child: it shares our memory until it executes
};

// Our caller waits meanwhile: as little as possible.
int execute(void* argument) {
  auto* child = static_cast<Child*>(argument);
  // The caller may have leaked anything to us: nothing but what is named gets through.
  if (::syscall(SYS_close_range, 3 + child->preserve_fds, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
      ::fcntl(child->channel, F_SETFD, 0) == 0) {
    char* environment[] = {nullptr};
    ::syscall(SYS_execveat, child->executable, "", child->argv, environment, AT_EMPTY_PATH);
  }
  child->failed = errno;
  ::_exit(127);
}

}  // namespace

Result<> reap(pid_t pid) {
  while (::waitpid(pid, nullptr, __WALL) < 0)
    if (errno != EINTR) return os_error("wait for process {}", pid);
  return {};
}

SpawnedStage::~SpawnedStage() {
  if (pid_ == 0) return;
  // Our child, not reaped: the pid is still its own.
  ::kill(pid_, SIGKILL);
  (void)holdfast::reap(pid_);
}

Result<> SpawnedStage::reap() { return holdfast::reap(std::exchange(pid_, 0)); }

Result<SpawnedStage> spawn_stage(uint32_t preserve_fds) {
  HF_TRY(auto pair, Channel::make());
  HF_TRY(const Fd executable, unwritable_self());
  const int channel = pair.init.socket().get();
  std::string name = "holdfast-init";
  std::string number = fmt::format("{}", channel);
  char* argv[] = {name.data(), number.data(), nullptr};
  Child child{executable.get(), channel, preserve_fds, argv};
  alignas(16) static std::array<char, 16 * 1024> stack;
  const pid_t pid =
      ::clone(execute, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
  if (pid < 0) return os_error("start holdfast-init");
  SpawnedStage stage(pid, std::move(pair.runtime));
  if (child.failed != 0) return os_error_of(child.failed, "execute holdfast-init");
  return stage;
}

}  // namespace holdfast
