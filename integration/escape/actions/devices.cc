// Device nodes: the way past every file permission. And what terminals give.
#include <fcntl.h>
#include <linux/tiocl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

constexpr char kNode[] = "/tmp/node";

int make_node(mode_t type, unsigned major, unsigned minor) {
  unlink(kNode);
  return mknod(kNode, type | 0600, makedev(major, minor));
}

Outcome block_node() {
  const int result = make_node(S_IFBLK, 8, 0);
  struct stat seen {};
  return by_effect(result, [&] { return stat(kNode, &seen) == 0 && S_ISBLK(seen.st_mode); });
}

// A file that hides one of the image's, where layers are stacked, as removing it does. Takes no
// capability, opens nothing; renameat2(2) makes one, too.
Outcome whiteout() {
  const int result = make_node(S_IFCHR, 0, 0);
  struct stat seen {};
  return by_effect(result, [&] { return stat(kNode, &seen) == 0 && S_ISCHR(seen.st_mode); });
}

// ENXIO: let through, and no such device.
Outcome opened(mode_t type, unsigned major, unsigned minor, int flags) {
  if (make_node(type, major, minor) != 0) return denied();
  return by_gate(open(kNode, flags | O_NONBLOCK | O_CLOEXEC), ENXIO);
}

// The first disk of most machines: SCSI or virtio.
Outcome disk() {
  const Outcome first = opened(S_IFBLK, 8, 0, O_RDONLY);
  return first.verdict == Verdict::kReached ? opened(S_IFBLK, 254, 0, O_RDONLY) : first;
}

// A terminal of its own, controlling, without line editing.
int own_terminal() {
  const int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || setsid() < 0 || unlockpt(master) != 0) return -1;
  const int slave = ioctl(master, TIOCGPTPEER, O_RDWR);
  termios mode{};
  if (slave < 0 || tcgetattr(slave, &mode) != 0) return -1;
  cfmakeraw(&mode);
  mode.c_cc[VMIN] = 0;
  mode.c_cc[VTIME] = 2;
  return tcsetattr(slave, TCSANOW, &mode) == 0 ? slave : -1;
}

Outcome typed() {
  const int terminal = own_terminal();
  if (terminal < 0) return denied();
  char seen = '\0';
  const int result = ioctl(terminal, TIOCSTI, "x");
  return by_effect(result,
                   [&] { return result == 0 && read(terminal, &seen, 1) == 1 && seen == 'x'; });
}

// Pasting into the host's console takes a node of it first.
Outcome pasted() {
  if (make_node(S_IFCHR, 4, 1) != 0) return denied();
  const int console = open(kNode, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (console < 0) return errno == ENXIO ? Outcome{Verdict::kReached, ENXIO} : denied();
  char request = TIOCL_GETSHIFTSTATE;
  return by_result(ioctl(console, TIOCLINUX, &request));
}

constexpr Action kActions[] = {
    {"mknod-block", "a way to the disk", block_node},
    {"mknod-whiteout", "nothing that unlink does not: a file of the layer below hidden", whiteout},
    {"open-disk", "every file of the host", disk},
    {"open-mem", "the host's memory", [] { return opened(S_IFCHR, 1, 1, O_RDONLY); }},
    {"open-kmsg", "the kernel's log", [] { return opened(S_IFCHR, 1, 11, O_RDONLY); }},
    {"open-loop-control", "block devices of one's own",
     [] { return opened(S_IFCHR, 10, 237, O_RDWR); }},
    {"tioclinux", "text typed at the host's console", pasted},
    {"tiocsti", "text typed at a terminal that is shared", typed},
};

}  // namespace

std::span<const Action> device_actions() { return kActions; }

}  // namespace holdfast::escape
