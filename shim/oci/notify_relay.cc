#include "shim/oci/notify_relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <climits>
#include <cstddef>
#include <cstdlib>

#include "profiles/policy/notify.h"
#include "sandbox/kernel/unix_socket.h"
#include "shim/oci/container.h"

namespace holdfast {
namespace {

constexpr char kDirectory[] = "notify";
// How long a service manager may take to read a message.
constexpr int kPatienceSeconds = 5;
// So many messages at a time: the container may send without end, and others wait for us, too.
constexpr int kMostMessages = 16;

struct Address {
  sockaddr_un name{};
  socklen_t size = 0;
};

// "/run/systemd/notify", or "@name" in the abstract namespace (sd_notify(3)).
Result<Address> address_of(std::string_view path) {
  Address address;
  address.name.sun_family = AF_UNIX;
  const bool abstract = path.starts_with('@');
  if (!abstract && !path.starts_with('/'))
    return error("NOTIFY_SOCKET: {} is neither an absolute path nor @NAME", path);
  if (path.size() >= sizeof address.name.sun_path)
    return error("NOTIFY_SOCKET: {} is too long for a socket", path);
  path.copy(address.name.sun_path, path.size());
  if (abstract) address.name.sun_path[0] = '\0';
  address.size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return address;
}

std::string_view asked_for() {
  const char* socket = ::getenv("NOTIFY_SOCKET");
  return socket ? socket : "";
}

const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.name);
}

Result<Fd> connect_outside(std::string_view path) {
  HF_TRY(const Address address, address_of(path));
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return os_error("make a unix socket");
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
    return os_error("limit the time of a message");
  if (::connect(socket.get(), generic(address), address.size) != 0)
    return os_error("NOTIFY_SOCKET: connect {}", path);
  return socket;
}

// In the directory that the container sees read-only, for whichever user it runs as.
Result<Fd> bind_inside(const DirFd& directory) {
  const std::string name(kNotifyName);
  HF_DO(directory.unlink(name));  // of a start that failed
  HF_TRY(const Address address,
         address_of(fmt::format("/proc/self/fd/{}/{}", directory.get(), name)));
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return os_error("make a unix socket");
  const mode_t before = ::umask(0111);
  const int bound = ::bind(socket.get(), generic(address), address.size);
  const int why = errno;
  ::umask(before);
  if (bound != 0) return os_error_of(why, "bind the notify socket");
  return socket;
}

}  // namespace

Result<bool> wants_notify() {
  const std::string_view path = asked_for();
  if (path.empty()) return false;
  return address_of(path).map([](const Address&) { return true; });
}

Result<std::string> notify_directory(const std::string& root, const std::string& id) {
  if (root.starts_with('/')) return fmt::format("{}/{}/{}", root, id, kDirectory);
  char cwd[PATH_MAX];
  if (!::getcwd(cwd, sizeof cwd)) return os_error("the current directory");
  return fmt::format("{}/{}/{}/{}", cwd, root, id, kDirectory);
}

Result<FileIdentity> make_notify_directory(const StateDir& dir) {
  HF_DO(dir.dir().mkdir(kDirectory, 0700));
  HF_TRY(const DirFd made, dir.dir().open_dir(kDirectory, O_RDONLY | O_NOFOLLOW));
  // Whatever our umask is, the container's user is to reach the socket.
  struct stat info {};
  if (::fchmod(made.get(), 0755) != 0 || ::fstat(made.get(), &info) != 0)
    return os_error("notify directory of {}", dir.id());
  return FileIdentity{major(info.st_dev), minor(info.st_dev), info.st_ino};
}

bool says_ready(std::string_view message) {
  for (const std::string_view line : split(message, '\n'))
    if (line == "READY=1") return true;
  return false;
}

Result<NotifyRelay> NotifyRelay::open(const StateDir& dir) {
  NotifyRelay relay;
  const std::string_view path = asked_for();
  if (path.empty()) return relay;
  auto directory = dir.dir().open_dir(kDirectory, O_RDONLY | O_NOFOLLOW);
  if (!directory && directory.error().code == ENOENT) return relay;
  if (!directory) return Failure(std::move(directory).error());
  HF_TRY(relay.outside_, connect_outside(path));
  HF_TRY(relay.inside_, bind_inside(*directory));
  return relay;
}

Result<bool> NotifyRelay::take(pid_t main) {
  char message[4096];
  for (int i = 0; i < kMostMessages; ++i) {
    // Without room for control messages: descriptors that are sent along are closed by the kernel.
    const ssize_t size = ::recv(inside_.get(), message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return false;
    if (size < 0) return os_error("read the notify socket");
    if (static_cast<size_t>(size) > sizeof message) continue;
    if (!says_ready({message, static_cast<size_t>(size)})) continue;
    inside_ = Fd();
    return tell(main).map([] { return true; });
  }
  return false;
}

Result<> NotifyRelay::tell(pid_t main) {
  const std::string message = fmt::format("READY=1\nMAINPID={}\n", main);
  ssize_t sent = 0;
  do sent = ::send(outside_.get(), message.data(), message.size(), MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return os_error("NOTIFY_SOCKET: tell that the container is ready");
  return {};
}

// sd_notify_barrier(3): a pipe whose other end the service manager closes when it comes to it.
Result<> NotifyRelay::wait_for_barrier() const {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return os_error("make a pipe");
  const Fd here(ends[0]);
  {
    const Fd there(ends[1]);
    HF_DO(send_descriptor(outside_, there, "BARRIER=1"));
  }
  pollfd closed{.fd = here.get(), .events = 0, .revents = 0};
  int got = 0;
  do got = ::poll(&closed, 1, kPatienceSeconds * 1000);
  while (got < 0 && errno == EINTR);
  if (got == 0) return error("NOTIFY_SOCKET: the message has not been read yet");
  return {};
}

void NotifyRelay::wait(const Fd& process, pid_t main) {
  while (inside_) {
    pollfd fds[] = {{inside_.get(), POLLIN, 0}, {process.get(), POLLIN, 0}};
    if (::poll(fds, std::size(fds), -1) < 0 && errno != EINTR)
      return warn(os_error("wait for the container to be ready").value().message);
    auto told = fds[0].revents != 0 ? take(main) : Result<bool>(false);
    if (told && *told) {
      if (auto read = wait_for_barrier(); !read) warn(read.error().message);
      return;
    }
    if (!told) return warn(told.error().message);
    if (fds[0].revents == 0 && fds[1].revents != 0) return;
  }
}

}  // namespace holdfast
