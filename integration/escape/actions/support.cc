#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// execveat in a child: the errno of a refusal comes back through a pipe that a success closes.
int run(int dir, const char* path, const char* argument, int flags) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    char* arguments[] = {const_cast<char*>("actions"), const_cast<char*>(argument), nullptr};
    char* environment[] = {nullptr};
    execveat(dir, path, arguments, environment, flags);
    const int error = errno;
    if (write(ends[1], &error, sizeof error) < 0) _exit(2);
    _exit(1);
  }
  close(ends[1]);
  int error = 0;
  const bool refused = child < 0 || read(ends[0], &error, sizeof error) == sizeof error;
  close(ends[0]);
  const int status = child < 0 ? -1 : wait_for(child);
  if (!refused) return status;
  if (error != 0) errno = error;
  return -1;
}

}  // namespace

bool file_begins(const char* path, const char* text) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char line[256] = "";
  const bool same = read(fd, line, sizeof line - 1) > 0 && strncmp(line, text, strlen(text)) == 0;
  close(fd);
  return same;
}

int status_of(int (*act)()) {
  const pid_t child = fork();
  if (child == 0) _exit(act());
  return child < 0 ? -1 : wait_for(child);
}

int status_of_program(const char* path, const char* argument) {
  return run(AT_FDCWD, path, argument, 0);
}

int status_of_descriptor(int fd, const char* argument) {
  return run(fd, "", argument, AT_EMPTY_PATH);
}

bool copy_self(int fd) {
  const int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (self < 0 || fstat(self, &status) != 0) return false;
  off_t offset = 0;
  while (offset < status.st_size)
    if (sendfile(fd, self, &offset, static_cast<size_t>(status.st_size - offset)) <= 0) break;
  close(self);
  return offset == status.st_size;
}

bool copy_self(const char* path) {
  unlink(path);
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
  if (fd < 0) return false;
  const bool copied = copy_self(fd);
  close(fd);
  return copied;
}

ino_t namespace_inode(const char* type) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/ns/%s", type);
  struct stat status {};
  return stat(path, &status) == 0 ? status.st_ino : 0;
}

}  // namespace holdfast::escape
