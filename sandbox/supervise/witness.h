// Witness: who acted, read from a procfs while the process waits for an answer.
//
//   Deed deed = look_at(procfs, pid, init);
//   deed.processes[0].exe; deed.injected
//
// What cannot be read (the process has been killed meanwhile) stays empty. Opens no file but in procfs,
// by openat(2) alone.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/fd.h"
#include "core/event/event.h"

namespace holdfast {

struct Deed {
  std::vector<ProcessRef> processes;  // the acting one, then its parents within the container
  bool injected = false;              // it does not descend from the container's first process
};
Deed look_at(const DirFd& procfs, pid_t pid, pid_t init);

// The program that a process runs, seen from within the container.
std::string program_of(const DirFd& procfs, pid_t pid);
// The path of a descriptor of ours.
std::string path_of(const DirFd& procfs, int descriptor);

// Of /proc/PID/stat: the parent's pid and the start time (fields 4 and 22). The name in between may hold
// anything.
struct ProcessStat {
  pid_t parent = 0;
  uint64_t started = 0;
};
ProcessStat parse_stat(std::string_view text);
// /proc/PID/cmdline, cut: at most so many arguments of so many bytes.
std::vector<std::string> parse_arguments(std::string_view text);

}  // namespace holdfast
