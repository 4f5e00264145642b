// A pty of a devpts of its own, sent to an engine and taken by a process.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

#include <cstdlib>
#include <cstring>

#include "integration/kernel/process_support.h"
#include "sandbox/kernel/process.h"
#include "sandbox/kernel/unix_socket.h"

namespace holdfast {
namespace {

using testing_support::check;
using testing_support::in_child;
using testing_support::same;

Result<DirFd> new_devpts() {
  const Fd context(::fsopen("devpts", FSOPEN_CLOEXEC));
  if (!context) return os_error("fsopen");
  if (::fsconfig(context.get(), FSCONFIG_SET_STRING, "ptmxmode", "0666", 0) != 0 ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return os_error("fsconfig");
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) return os_error("fsmount");
  return DirFd(std::move(mount));
}

TEST(Terminal, IsOfTheGivenDevptsAndBelongsToTheUser) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_TRY(const DirFd devpts, new_devpts());
              HF_TRY(const Terminal terminal, open_terminal(devpts, {.uid = 1000, .gid = 1000}));
              struct stat peer {
              }, there{};
              ::fstat(terminal.peer.get(), &peer);
              HF_DO(same(peer.st_uid, 1000U, "uid"));
              if (::fstatat(devpts.get(), "0", &there, AT_SYMLINK_NOFOLLOW) != 0)
                return os_error("the first pty");
              HF_DO(check(peer.st_dev == there.st_dev && peer.st_ino == there.st_ino, "elsewhere"));
              HF_DO(set_window_size(terminal.master, {.height = 30, .width = 100}));
              winsize size{};
              ::ioctl(terminal.peer.get(), TIOCGWINSZ, &size);
              HF_DO(same(size.ws_row, 30, "rows"));
              HF_DO(same(size.ws_col, 100, "columns"));
              return same(
                  ::fcntl(terminal.master.get(), F_GETFD) & ::fcntl(terminal.peer.get(), F_GETFD),
                  FD_CLOEXEC, "close-on-exec");
            }),
            "");
}

TEST(Terminal, APtmxThatIsNotDevptsOwnIsRefused) {
  char where[] = "/tmp/holdfast-pts-XXXXXX";
  ASSERT_TRUE(::mkdtemp(where));
  const std::string ptmx = std::string(where) + "/ptmx";
  const auto opened = [&] { return open_terminal(*DirFd::open(where), {}).error().message; };
  ASSERT_EQ(::symlink("/dev/ptmx", ptmx.c_str()), 0);
  EXPECT_EQ(opened(), "open a terminal: open ptmx: too many levels of symbolic links");
  ::unlink(ptmx.c_str());
  ASSERT_TRUE(DirFd::open(where)->create("ptmx", "", 0666));
  EXPECT_EQ(opened(), "open a terminal: ptmx is not devpts' own");
  ::unlink(ptmx.c_str());
  ::rmdir(where);
}

TEST(Terminal, SizesThatDoNotFitAreRefused) {
  EXPECT_EQ(set_window_size(Fd(), {.height = 70000, .width = 1}).error().message,
            "set the terminal's size to 1x70000: too large");
}

TEST(Terminal, TakenItIsTheControllingTerminalAndAllThreeStreams) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_TRY(const DirFd devpts, new_devpts());
              HF_TRY(const Terminal terminal, open_terminal(devpts, {}));
              // Closing the master at the end hangs up the session that we lead now.
              ::signal(SIGHUP, SIG_IGN);
              HF_DO(take_terminal(terminal.peer));
              HF_DO(same(::getsid(0), ::getpid(), "session"));
              HF_DO(same(::tcgetpgrp(0), ::getpid(), "foreground group"));
              struct stat peer {};
              ::fstat(terminal.peer.get(), &peer);
              for (int number = 0; number <= 2; ++number) {
                struct stat stream {};
                ::fstat(number, &stream);
                HF_DO(check(stream.st_rdev == peer.st_rdev && stream.st_ino == peer.st_ino,
                            "not the terminal"));
                HF_DO(same(::fcntl(number, F_GETFD), 0, "close-on-exec"));
              }
              if (::write(1, "x", 1) != 1) return os_error("write");
              char byte = 0;
              if (::read(terminal.master.get(), &byte, 1) != 1) return os_error("read");
              return same(byte, 'x', "byte");
            }),
            "");
}

TEST(Terminal, TheMasterArrivesAtTheConsoleSocketEvenAtALongPath) {
  const std::string directory =
      fmt::format("/tmp/holdfast-{}-{}", ::getpid(), std::string(100, 'd'));
  ASSERT_EQ(::mkdir(directory.c_str(), 0700), 0);
  const DirFd opened = *DirFd::open(directory);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string reachable = fmt::format("/proc/self/fd/{}/s", opened.get());
  reachable.copy(address.sun_path, sizeof address.sun_path - 1);
  const Fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listening.get(), 1), 0);
  const auto devpts = new_devpts();
  ASSERT_TRUE(devpts) << devpts.error().message;
  const auto terminal = open_terminal(*devpts, {});
  ASSERT_TRUE(terminal) << terminal.error().message;
  const auto sent = send_terminal(directory + "/s", terminal->master);
  EXPECT_TRUE(sent) << sent.error().message;

  const Fd connection(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char name[64] = {};
  iovec part{name, sizeof name};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  EXPECT_GT(::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC), 0);
  EXPECT_STREQ(name, "/dev/ptmx");
  int raw = -1;
  ASSERT_TRUE(CMSG_FIRSTHDR(&message));
  std::memcpy(&raw, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof raw);
  const Fd received(raw);
  EXPECT_EQ(::write(terminal->peer.get(), "y\n", 2), 2);
  char byte = 0;
  EXPECT_EQ(::read(received.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  (void)opened.unlink("s");
  ::rmdir(directory.c_str());
}

}  // namespace
}  // namespace holdfast
