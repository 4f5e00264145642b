// What belongs to the whole host: its clock, its log, its accounting, its swap, its power.
#include <linux/quota.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

// The magic numbers are wrong.
Outcome restart() { return by_gate(syscall(SYS_reboot, 0, 0, 0, nullptr), EINVAL); }

Outcome swap_on() { return by_gate(swapon("/nonexistent", 0), ENOENT); }

Outcome swap_off() { return by_gate(swapoff("/nonexistent"), ENOENT); }

// Now is set to now.
Outcome set_clock() {
  timeval now{};
  gettimeofday(&now, nullptr);
  return by_result(syscall(SYS_settimeofday, &now, nullptr));
}

// The frequency is set to what it is.
Outcome adjust_clock() {
  timex state{};
  if (adjtimex(&state) < 0) return denied();
  timex same{};
  same.modes = ADJ_FREQUENCY;
  same.freq = state.freq;
  return by_result(adjtimex(&same));
}

Outcome kernel_log() {
  static char text[4096];
  const long length = syscall(SYS_syslog, 3 /* SYSLOG_ACTION_READ_ALL */, text, sizeof text);
  return by_effect(length, [&] { return length > 0; });
}

// Writes dirty quota files back.
Outcome quotas() {
  return by_result(syscall(SYS_quotactl, QCMD(Q_SYNC, USRQUOTA), nullptr, 0, nullptr));
}

Outcome accounting() { return by_gate(syscall(SYS_acct, "/nonexistent"), ENOENT); }

Outcome cookie() {
  char path[64];
  return by_gate(syscall(SYS_lookup_dcookie, 1, path, sizeof path), EINVAL);
}

Outcome nfs_server() { return by_result(syscall(SYS_nfsservctl, 0, nullptr, nullptr)); }

Outcome ports_level() {
#if defined(SYS_iopl)
  return by_result(syscall(SYS_iopl, 3));
#else
  return absent();
#endif
}

Outcome port_bits() {
#if defined(SYS_ioperm)
  return by_result(syscall(SYS_ioperm, 0x80, 1, 1));
#else
  return absent();
#endif
}

constexpr Action kActions[] = {
    {"reboot", "the host down", restart},
    {"swapon", "a place where the host's memory is written", swap_on},
    {"swapoff", "the host out of memory", swap_off},
    {"settimeofday", "the host's clock: certificates, logs", set_clock},
    {"adjtimex", "the same, slowly", adjust_clock},
    {"syslog", "addresses in the kernel, what others do", kernel_log},
    {"quotactl", "the disk quotas of others", quotas},
    {"acct", "a record of every process, written where one likes", accounting},
    {"lookup-dcookie", "paths of the host", cookie},
    {"nfsservctl", "old code in the kernel", nfs_server},
    {"iopl", "every I/O port", ports_level},
    {"ioperm", "one I/O port", port_bits},
};

}  // namespace

std::span<const Action> host_actions() { return kActions; }

}  // namespace holdfast::escape
