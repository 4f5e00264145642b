// Seccomp denials in the kernel's log: audit records of type 1326 (AUDIT_SECCOMP).
//
//   HF_TRY(KernelLog log, read_kernel_log());
//   for (const Denial& denial : log.denials) ...
//
// The kernel logs a denial when the filter was loaded with SECCOMP_FILTER_FLAG_LOG or its answer is
// to kill or to log; it says which system call, never with which arguments.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace holdfast::ctl {

struct Denial {
  double time = 0;  // seconds since the epoch
  pid_t pid = 0;    // as the host counts
  uint32_t uid = 0;
  std::string comm, exe;
  uint32_t arch = 0;  // AUDIT_ARCH_*
  int32_t syscall = 0;
  uint32_t code = 0;  // SECCOMP_RET_*, without its data
};

// One record: of the kernel's ring buffer ("audit: type=1326 audit(...)") or of auditd's file
// ("type=SECCOMP msg=audit(...)"). Anything else is nothing.
std::optional<Denial> parse_denial(std::string_view line);

struct KernelLog {
  std::vector<Denial> denials;       // oldest first
  std::vector<std::string> sources;  // where they were read
};

// /dev/kmsg, and auditd's file where auditd takes the records away from it. An error if none can be
// read.
Result<KernelLog> read_kernel_log();

}  // namespace holdfast::ctl
