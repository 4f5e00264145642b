// attacks: what a container's root tries first, one after the other. For ./dev demo.
//
//   attacks            tries each, prints one line each: "NAME<tab>refused: REASON" or
//   "NAME<tab>SUCCEEDED" attacks list       prints "NAME<tab>WHAT IT GIVES" attacks watch N    for
//   N seconds: tries to open for writing the executable of any process that
//                      enters the container (CVE-2019-5736); prints the same kind of line
//
// None of them does harm when it succeeds: files are opened and not written, names are made up.
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

namespace {

// Each answers a negative number with errno set when it was refused.
using Attempt = long (*)();

struct Attack {
  const char* name;
  const char* gives;
  Attempt attempt;
};

long open_for_writing(const char* path) { return open(path, O_WRONLY | O_CLOEXEC); }

long host_disk() {
  unlink("/tmp/disk");
  // The first disk of most machines: SCSI or virtio.
  for (const unsigned number : {8U, 254U}) {
    if (mknod("/tmp/disk", S_IFBLK | 0600, makedev(number, 0)) != 0) return -1;
    const int fd = open("/tmp/disk", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 || errno != ENXIO) return fd;
    unlink("/tmp/disk");
  }
  return -1;
}

long perf_event() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  return syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}

long bpf_map() {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = 4;
  attributes.max_entries = 1;
  return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}

long io_uring() {
  unsigned char parameters[256] = {};
  return syscall(SYS_io_uring_setup, 4, parameters);
}

constexpr Attack kAttacks[] = {
    {"mount a file system", "undo masks and read-only paths",
     [] { return long(mount("none", "/tmp", "tmpfs", 0, nullptr)); }},
    {"new user namespace", "all capabilities towards the kernel",
     [] { return long(unshare(CLONE_NEWUSER)); }},
    {"write core_pattern", "run a program as root on the host",
     [] { return open_for_writing("/proc/sys/kernel/core_pattern"); }},
    {"read a disk", "every file of the host", host_disk},
    {"raw socket", "forged packets",
     [] { return long(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1)); }},
    {"packet socket", "read and forge the network's frames",
     [] { return long(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)); }},
    {"AF_ALG socket", "the kernel's crypto code, a source of exploits",
     [] { return long(socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)); }},
    {"AF_VSOCK socket", "talk to the hypervisor, past the network's rules",
     [] { return long(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0)); }},
    {"kernel keyring", "keys that are not in a namespace",
     [] { return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1); }},
    {"io_uring", "system calls that no filter sees", io_uring},
    {"bpf", "programs in the kernel", bpf_map},
    {"perf events", "a large part of the kernel, watch other processes", perf_event},
    {"userfaultfd", "halt the kernel at a chosen instant, to win races",
     [] { return syscall(SYS_userfaultfd, O_CLOEXEC); }},
    {"load a module", "code in the kernel",
     [] { return syscall(SYS_init_module, "", 0, "") == 0 || errno == ENOEXEC ? 0L : -1L; }},
    {"join the host's namespaces", "leave the container",
     [] {
       const int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
       return fd < 0 ? -1L : long(setns(fd, 0));
     }},
};

// In a child of its own: what one attack gains or loses is not the next one's.
bool report(const Attack& attack) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    errno = 0;
    const bool done = attack.attempt() >= 0;
    if (done)
      printf("%s\tSUCCEEDED\n", attack.name);
    else
      printf("%s\trefused: %s\n", attack.name, strerror(errno));
    fflush(stdout);
    _exit(done ? 1 : 0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  if (WIFSIGNALED(status)) printf("%s\trefused: %s\n", attack.name, strsignal(WTERMSIG(status)));
  return true;
}

struct Watch {
  int seen = 0;      // times that a process of the runtime was met
  bool won = false;  // its executable could be opened for writing
};

bool is_same_file(int fd, const char* path) {
  struct stat one {
  }, other{};
  return fstat(fd, &one) == 0 && stat(path, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

// Opened first and judged by what was opened: the process may execute another program meanwhile. What is
// neither we nor the image's busybox (all its names are links to one file) is the runtime.
void try_executable(const char* pid, Watch& watch) {
  char path[300];
  snprintf(path, sizeof path, "/proc/%s/exe", pid);
  const int found = open(path, O_PATH | O_CLOEXEC);
  if (found < 0) {
    if (errno == EACCES || errno == EPERM) ++watch.seen;  // it is there and hides
    return;
  }
  if (!is_same_file(found, "/proc/self/exe") && !is_same_file(found, "/bin/busybox")) {
    ++watch.seen;
    snprintf(path, sizeof path, "/proc/self/fd/%d", found);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    // A busy executable is only protected until it ends: that is how the attack was won.
    if (fd >= 0 || errno == ETXTBSY) watch.won = true;
    if (fd >= 0) close(fd);
  }
  close(found);
}

int watch_for(time_t seconds) {
  Watch watch;
  for (const time_t end = time(nullptr) + seconds; time(nullptr) < end && !watch.won;) {
    DIR* proc = opendir("/proc");
    if (proc == nullptr) return 1;
    while (const dirent* entry = readdir(proc))
      if (entry->d_name[0] >= '2' && entry->d_name[0] <= '9') try_executable(entry->d_name, watch);
    closedir(proc);
  }
  printf("overwrite the runtime\t%s (met %d times)\n", watch.won ? "SUCCEEDED" : "refused",
         watch.seen);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "watch") == 0) return watch_for(atoi(argv[2]));
  const bool list = argc == 2 && strcmp(argv[1], "list") == 0;
  if (argc > 1 && !list) return 2;
  for (const Attack& attack : kAttacks) {
    if (list)
      printf("%s\t%s\n", attack.name, attack.gives);
    else if (!report(attack))
      return 1;
  }
  return 0;
}
