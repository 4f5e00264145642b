// /proc, /sys and the cgroup tree: the host's settings, next to the container's own.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

// Writes back what is there.
Outcome rewritten(const char* path) {
  const int reader = open(path, O_RDONLY | O_CLOEXEC);
  if (reader < 0) return errno == ENOENT ? absent() : denied();
  char text[256];
  const ssize_t length = read(reader, text, sizeof text);
  close(reader);
  if (length < 0) return denied();
  const int writer = open(path, O_WRONLY | O_CLOEXEC);
  if (writer < 0) return denied();
  return by_result(write(writer, text, static_cast<size_t>(length)));
}

// Opens and does not write.
Outcome opened_for_writing(const char* path) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  return fd < 0 && errno == ENOENT ? absent() : by_result(fd);
}

// A masked file reads as empty.
Outcome readable(const char* path) {
  const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? absent() : denied();
  char text[256];
  const ssize_t length = read(fd, text, sizeof text);
  return by_effect(length, [&] { return length > 0; });
}

Outcome listed(const char* path) {
  DIR* directory = opendir(path);
  if (directory == nullptr) return errno == ENOENT ? absent() : denied();
  int entries = 0;
  while (const dirent* entry = readdir(directory)) entries += entry->d_name[0] != '.';
  return entries > 0 ? done() : no_effect();
}

// --- cgroups: one tree, or one per controller ---

// The best outcome of `act` on every hierarchy, or on the one tree.
Outcome in_cgroups(Outcome (*act)(const char* directory)) {
  DIR* top = opendir("/sys/fs/cgroup");
  if (top == nullptr) return denied();
  Outcome best = act("/sys/fs/cgroup");
  while (const dirent* entry = readdir(top)) {
    if (entry->d_name[0] == '.' || entry->d_type != DT_DIR) continue;
    char path[300];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s", entry->d_name);
    const Outcome outcome = act(path);
    // An absence says nothing where another hierarchy has the file.
    if (outcome.verdict == Verdict::kDone || best.verdict == Verdict::kAbsent) best = outcome;
    if (best.verdict == Verdict::kDone) break;
  }
  closedir(top);
  return best;
}

// What lies in a tmpfs above the hierarchies is a directory, and no cgroup.
Outcome make_cgroup(const char* directory) {
  char path[400];
  snprintf(path, sizeof path, "%s/cgroup.procs", directory);
  struct stat status {};
  if (stat(path, &status) != 0) return absent();
  snprintf(path, sizeof path, "%s/holdfast-escape", directory);
  const int result = mkdir(path, 0755);
  if (result == 0) rmdir(path);
  return by_result(result);
}

Outcome release_agent(const char* directory) {
  char path[400];
  for (const char* file : {"release_agent", "notify_on_release"}) {
    snprintf(path, sizeof path, "%s/%s", directory, file);
    const Outcome outcome = opened_for_writing(path);
    if (outcome.verdict != Verdict::kAbsent) return outcome;
  }
  return absent();
}

Outcome own_limits(const char* directory) {
  char path[400];
  for (const char* file : {"memory.limit_in_bytes", "memory.max", "pids.max", "devices.allow"}) {
    snprintf(path, sizeof path, "%s/%s", directory, file);
    const Outcome outcome = opened_for_writing(path);
    if (outcome.verdict != Verdict::kAbsent) return outcome;
  }
  return absent();
}

// Done where there is no limit: a fork bomb takes the host's last process.
Outcome any_number_of_processes(const char* directory) {
  char path[400];
  snprintf(path, sizeof path, "%s/pids.max", directory);
  struct stat status {};
  if (stat(path, &status) != 0) return absent();
  return file_begins(path, "max") ? done() : no_effect();
}

constexpr Action kActions[] = {
    {"write-core-pattern", "a program as root on the host",
     [] { return rewritten("/proc/sys/kernel/core_pattern"); }},
    {"write-proc-sys", "the kernel's parameters",
     [] { return rewritten("/proc/sys/vm/swappiness"); }},
    {"write-modprobe", "a program as root on the host",
     [] { return rewritten("/proc/sys/kernel/modprobe"); }},
    {"open-sysrq-trigger", "the host down",
     [] { return opened_for_writing("/proc/sysrq-trigger"); }},
    {"write-irq-affinity", "the host's interrupts",
     [] { return opened_for_writing("/proc/irq/default_smp_affinity"); }},
    {"write-sys", "the kernel's settings",
     [] { return opened_for_writing("/sys/kernel/rcu_expedited"); }},
    {"write-sys-power", "the host asleep", [] { return opened_for_writing("/sys/power/state"); }},
    {"write-uevent-helper", "a program as root on the host",
     [] { return opened_for_writing("/sys/kernel/uevent_helper"); }},
    {"read-kcore", "the host's memory", [] { return readable("/proc/kcore"); }},
    {"read-kmsg", "the kernel's log", [] { return readable("/proc/kmsg"); }},
    {"read-keys", "the names of the host's keys", [] { return readable("/proc/keys"); }},
    {"read-timers", "addresses in the kernel", [] { return readable("/proc/timer_list"); }},
    {"read-firmware", "tables of the firmware", [] { return listed("/sys/firmware"); }},
    {"make-cgroup", "a cgroup of one's own, a release_agent",
     [] { return in_cgroups(make_cgroup); }},
    {"open-release-agent", "a program as root on the host",
     [] { return in_cgroups(release_agent); }},
    {"write-own-limits", "no limits, every device", [] { return in_cgroups(own_limits); }},
    {"endless-processes", "a host that cannot fork",
     [] { return in_cgroups(any_number_of_processes); }},
};

}  // namespace

std::span<const Action> file_actions() { return kActions; }

}  // namespace holdfast::escape
