#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sandbox/kernel/process.h"
#include "sandbox/kernel/unix_socket.h"

namespace holdfast {
namespace {

// linux/devices.txt: character device 5:2 makes a pty.
constexpr unsigned kTtyAuxMajor = 5, kPtmxMinor = 2;

Result<Fd> open_ptmx(const DirFd& devpts) {
  HF_TRY(Fd master, devpts.open_resolved("ptmx", O_RDWR | O_NOCTTY, kPlain));
  struct statfs system {};
  struct stat info {};
  if (::fstatfs(master.get(), &system) != 0 || system.f_type != DEVPTS_SUPER_MAGIC ||
      ::fstat(master.get(), &info) != 0 || !S_ISCHR(info.st_mode) ||
      info.st_rdev != makedev(kTtyAuxMajor, kPtmxMinor))
    return error("ptmx is not devpts' own");
  return master;
}

}  // namespace

Result<Terminal> open_terminal(const DirFd& devpts, const oci::User& owner) {
  Terminal terminal;
  HF_TRY(terminal.master, with_context(open_ptmx(devpts), "open a terminal"));
  const int unlock = 0;
  if (::ioctl(terminal.master.get(), TIOCSPTLCK, &unlock) != 0)
    return os_error("open a terminal: unlock");
  // The peer by its master, never by a path that the container's /dev can redirect
  // (CVE-2025-52565).
  terminal.peer = Fd(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.peer) return os_error("open a terminal: TIOCGPTPEER");
  if (::fchown(terminal.peer.get(), owner.uid, static_cast<gid_t>(-1)) != 0)
    return os_error("give the terminal to uid {}", owner.uid);
  return terminal;
}

Result<> set_window_size(const Fd& terminal, const oci::ConsoleSize& size) {
  if (size.height > UINT16_MAX || size.width > UINT16_MAX)
    return error("set the terminal's size to {}x{}: too large", size.width, size.height);
  winsize fresh{};
  fresh.ws_row = static_cast<unsigned short>(size.height);
  fresh.ws_col = static_cast<unsigned short>(size.width);
  if (::ioctl(terminal.get(), TIOCSWINSZ, &fresh) != 0)
    return os_error("set the terminal's size to {}x{}", size.width, size.height);
  return {};
}

Result<> send_terminal(const std::string& socket_path, const Fd& master) {
  HF_TRY(Fd socket, with_context(connect_unix(socket_path), "console socket"));
  // The receiver gets the descriptor's name as data, as runc sends it.
  return with_context(send_descriptor(socket, master, "/dev/ptmx"), "console socket {}",
                      socket_path);
}

Result<> take_terminal(const Fd& peer) {
  if (::setsid() < 0) return os_error("start a session");
  if (::ioctl(peer.get(), TIOCSCTTY, 0) != 0) return os_error("take the controlling terminal");
  for (int number = 0; number <= 2; ++number) {
    // dup2() onto itself would leave the descriptor close-on-exec.
    const bool same = peer.get() == number;
    if ((same ? ::fcntl(number, F_SETFD, 0) : ::dup2(peer.get(), number)) < 0)
      return os_error("make the terminal descriptor {}", number);
  }
  return {};
}

}  // namespace holdfast
