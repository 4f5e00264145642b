// What one command costs: wall clock, processor time and peak memory.
//
//   Meter meter;
//   HF_DO(meter.run({"/usr/sbin/runc", "state", "c1"}));
//   Sample sample = meter.stop();
//
// Everything that was reaped between the meter's construction and stop() is counted, the
// container's own program too: it is the same for all.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"

namespace holdfast::bench {

using Command = std::vector<std::string>;

struct Sample {
  double wall_ms = 0;
  double cpu_ms = 0;
  long peak_kb = 0;
};

class Meter {
 public:
  Meter();
  // Runs a command to its end, stdin and stdout at /dev/null; its error text is part of the error.
  Result<> run(const Command& command);
  // Waits for a process that a command left behind (a container's init, which falls to us).
  Result<> reap(pid_t pid);
  Sample stop() const;

 private:
  double wall_start_, cpu_start_;
  long peak_kb_ = 0;
};

// The value in the middle (the mean of both for an even number of values).
double median(std::vector<double> values);

}  // namespace holdfast::bench
