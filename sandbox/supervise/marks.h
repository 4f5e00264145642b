// Marks: where in a container fanotify is to ask. Placed from outside, when its mounts stand and none of
// its programs has run.
//
//   HF_TRY(const HostDevices host, host_devices(procfs));    // early: the host's table may be long
//   HF_TRY(const Marks marks, place_marks(events.fd(), procfs, pid, host, libraries));
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "core/base/fd.h"

namespace holdfast {

struct HostDevices {
  std::vector<uint64_t> all;  // st_dev of every file system that is mounted out here, sorted
  uint64_t root = 0;          // of our own "/"
};
Result<HostDevices> host_devices(const DirFd& procfs);

struct Marks {
  std::vector<uint64_t> image;  // ids of the mounts that show the container's root, sorted
  size_t placed = 0;
};

// Every mount of the process's table that can hold programs: a file system that only the container has as
// a whole, with all mounts that it will ever have; of a host's directory this mount alone.
Result<Marks> place_marks(const Fd& group, const DirFd& procfs, pid_t pid, const HostDevices& host,
                          bool libraries);

}  // namespace holdfast
