// floor: the bare kernel work of running one program in a container, and nothing else.
//
//   floor --rootfs DIR [--userns] [--v1 DIR]... [--v2 DIR] -- PROGRAM ARG...
//
// It makes the cgroups (a directory of its own below each DIR), clones a process into new
// namespaces and the cgroups, mounts what a usual container mounts, pivots, executes, waits and
// removes the cgroups. No JSON, no seccomp, no capabilities, no state: the time below which no
// runtime can get on this kernel. The first failure is told and ends it with status 125.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <initializer_list>

namespace {

constexpr int kMaxHierarchies = 16;
constexpr unsigned long kUsual = MS_NOSUID | MS_NOEXEC | MS_NODEV;

struct Job {
  const char* rootfs = nullptr;
  bool userns = false;
  const char* v1[kMaxHierarchies] = {};
  int v1_count = 0;
  const char* v2 = nullptr;
  char** argv = nullptr;
};

[[noreturn]] void fail(const char* what) {
  fprintf(stderr, "floor: %s: %m\n", what);
  _exit(125);
}

void must(bool done, const char* what) {
  if (!done) fail(what);
}

const char* own_name() {
  static char name[32];
  if (name[0] == '\0') snprintf(name, sizeof name, "floor-%d", getpid());
  return name;
}

void write_at(int dir, const char* file, const char* text, size_t size) {
  const int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
  must(fd >= 0 && write(fd, text, size) == ssize_t(size), file);
  close(fd);
}

// A new v1 cpuset has no processors and no memory nodes: it takes its parent's.
void inherit_cpuset(int parent, int own) {
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    const int fd = openat(parent, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;  // another hierarchy
    char text[256];
    const ssize_t size = read(fd, text, sizeof text);
    close(fd);
    must(size > 0, file);
    write_at(own, file, text, size_t(size));
  }
}

struct Cgroups {
  int v1_parent[kMaxHierarchies];
  int v1_tasks[kMaxHierarchies];
  int v2_parent = -1, v2 = -1;
};

int make_cgroup(const char* path, int* parent) {
  *parent = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  must(*parent >= 0, path);
  must(mkdirat(*parent, own_name(), 0755) == 0, "mkdir in cgroup");
  const int own = openat(*parent, own_name(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  must(own >= 0, "open cgroup");
  return own;
}

Cgroups make_cgroups(const Job& job) {
  Cgroups made;
  for (int i = 0; i < job.v1_count; ++i) {
    const int own = make_cgroup(job.v1[i], &made.v1_parent[i]);
    inherit_cpuset(made.v1_parent[i], own);
    made.v1_tasks[i] = openat(own, "tasks", O_WRONLY | O_CLOEXEC);
    must(made.v1_tasks[i] >= 0, "open tasks");
    close(own);
  }
  if (job.v2 != nullptr) made.v2 = make_cgroup(job.v2, &made.v2_parent);
  return made;
}

void remove_cgroups(const Job& job, const Cgroups& made) {
  for (int i = 0; i < job.v1_count; ++i)
    must(unlinkat(made.v1_parent[i], own_name(), AT_REMOVEDIR) == 0, "remove cgroup");
  if (made.v2 >= 0) must(unlinkat(made.v2_parent, own_name(), AT_REMOVEDIR) == 0, "remove cgroup");
}

void mount_on(const char* source, const char* target, const char* type, unsigned long flags,
              const char* data) {
  must(mount(source, target, type, flags, data) == 0, target);
}

void make_nodes() {
  struct Node {
    const char* name;
    unsigned major_number, minor_number;
  };
  constexpr Node kNodes[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                             {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
  for (const Node& node : kNodes)
    must(mknod(node.name, S_IFCHR | 0666, makedev(node.major_number, node.minor_number)) == 0,
         node.name);
}

// In a user namespace nodes cannot be made: the host's are bound.
void bind_nodes() {
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    char from[64], to[64];
    snprintf(from, sizeof from, "/dev/%s", name);
    snprintf(to, sizeof to, "dev/%s", name);
    const int fd = open(to, O_CREAT | O_CLOEXEC, 0666);
    must(fd >= 0, to);
    close(fd);
    mount_on(from, to, nullptr, MS_BIND, nullptr);
  }
}

// Covers what exists of the usual masked paths.
void mask(const char* path) {
  struct stat info;
  if (stat(path, &info) != 0) return;
  if (S_ISDIR(info.st_mode))
    mount_on("tmpfs", path, "tmpfs", MS_RDONLY, "size=0k");
  else
    mount_on("dev/null", path, nullptr, MS_BIND, nullptr);
}

void make_readonly(const char* path) {
  struct stat info;
  if (stat(path, &info) != 0) return;
  mount_on(path, path, nullptr, MS_BIND | MS_REC, nullptr);
  mount_on(nullptr, path, nullptr, kUsual | MS_RDONLY | MS_REMOUNT | MS_BIND, nullptr);
}

// Some twenty mounts: file systems, masked and read-only paths.
void mount_tree(const Job& job) {
  mount_on(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr);
  mount_on(job.rootfs, job.rootfs, nullptr, MS_BIND | MS_REC, nullptr);
  must(chdir(job.rootfs) == 0, "chdir");
  mount_on("proc", "proc", "proc", kUsual, nullptr);
  mount_on("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
  must(mkdir("dev/pts", 0755) == 0 && mkdir("dev/shm", 0755) == 0 && mkdir("dev/mqueue", 0755) == 0,
       "mkdir");
  mount_on("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
           "newinstance,ptmxmode=0666,mode=0620,gid=5");
  mount_on("shm", "dev/shm", "tmpfs", kUsual, "mode=1777,size=65536k");
  mount_on("mqueue", "dev/mqueue", "mqueue", kUsual, nullptr);
  mount_on("sysfs", "sys", "sysfs", kUsual | MS_RDONLY, nullptr);
  job.userns ? bind_nodes() : make_nodes();
  for (const char* path :
       {"proc/acpi", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/scsi",
        "proc/sched_debug", "proc/timer_list", "proc/timer_stats", "sys/firmware"})
    mask(path);
  for (const char* path : {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"})
    make_readonly(path);
}

[[noreturn]] void run_inside(const Job& job, const Cgroups& cgroups, int mapped) {
  char byte;
  if (job.userns) {
    must(read(mapped, &byte, 1) == 1, "wait for the id maps");
    must(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0, "become root of the namespace");
  }
  // A single-threaded process writing to `tasks`: through cgroup.procs it would wait for RCU.
  for (int i = 0; i < job.v1_count; ++i)
    must(write(cgroups.v1_tasks[i], "0", 1) == 1, "join cgroup");
  mount_tree(job);
  must(sethostname("floor", 5) == 0, "sethostname");
  must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
  must(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0, "leave the old root");
  execve(job.argv[0], job.argv, environ);
  fail(job.argv[0]);
}

void write_map(pid_t pid, const char* file) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  write_at(AT_FDCWD, path, "0 100000 65536", 14);
}

int run(const Job& job) {
  const Cgroups cgroups = make_cgroups(job);
  int pipe_ends[2];
  must(pipe2(pipe_ends, O_CLOEXEC) == 0, "pipe");
  clone_args args{};
  args.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  if (job.userns) args.flags |= CLONE_NEWUSER;
  if (job.v2 != nullptr) {
    args.flags |= CLONE_NEWCGROUP | CLONE_INTO_CGROUP;
    args.cgroup = unsigned(cgroups.v2);
  }
  args.exit_signal = SIGCHLD;
  const pid_t pid = pid_t(syscall(SYS_clone3, &args, sizeof args));
  must(pid >= 0, "clone3");
  if (pid == 0) run_inside(job, cgroups, pipe_ends[0]);
  if (job.userns) {
    write_map(pid, "uid_map");
    write_map(pid, "gid_map");
    must(write(pipe_ends[1], "x", 1) == 1, "tell of the id maps");
  }
  int status = 0;
  must(waitpid(pid, &status, 0) == pid, "wait");
  remove_cgroups(job, cgroups);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}

Job parse(char** argv) {
  Job job;
  for (++argv; *argv != nullptr; ++argv) {
    if (strcmp(*argv, "--") == 0) {
      job.argv = argv + 1;
      break;
    }
    if (strcmp(*argv, "--userns") == 0) {
      job.userns = true;
    } else if (argv[1] == nullptr) {
      break;
    } else if (strcmp(*argv, "--rootfs") == 0) {
      job.rootfs = *++argv;
    } else if (strcmp(*argv, "--v2") == 0) {
      job.v2 = *++argv;
    } else if (strcmp(*argv, "--v1") == 0 && job.v1_count < kMaxHierarchies) {
      job.v1[job.v1_count++] = *++argv;
    } else {
      break;
    }
  }
  if (job.rootfs == nullptr || job.argv == nullptr || job.argv[0] == nullptr) {
    fputs("usage: floor --rootfs DIR [--userns] [--v1 DIR]... [--v2 DIR] -- PROGRAM ARG...\n",
          stderr);
    exit(125);
  }
  return job;
}

}  // namespace

int main(int, char** argv) { return run(parse(argv)); }
