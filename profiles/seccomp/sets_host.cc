// What containers have no business with, and what only debuggers need: the parts of the denylist.
#include "profiles/seccomp/set_groups.h"

namespace holdfast::seccomp {
namespace {

using Name = std::string_view;

constexpr Name kModule[] = {"create_module",   "delete_module", "finit_module",
                            "get_kernel_syms", "init_module",   "query_module"};
constexpr Name kReboot[] = {"kexec_file_load", "kexec_load", "reboot"};
constexpr Name kBpf[] = {"bpf"};
constexpr Name kPerf[] = {"perf_event_open"};
constexpr Name kMount[] = {"fsconfig",       "fsmount",       "fsopen",     "fspick",
                           "mount",          "mount_setattr", "move_mount", "open_tree",
                           "open_tree_attr", "pivot_root",    "umount",     "umount2"};
constexpr Name kSetns[] = {"setns"};
constexpr Name kHostname[] = {"setdomainname", "sethostname"};
constexpr Name kKeyring[] = {"add_key", "keyctl", "request_key"};
constexpr Name kUserfault[] = {"userfaultfd"};
constexpr Name kIoUring[] = {"io_uring_enter", "io_uring_register", "io_uring_setup"};
constexpr Name kHandle[] = {"open_by_handle_at"};
constexpr Name kSwap[] = {"swapoff", "swapon"};
constexpr Name kClock[] = {"clock_settime", "clock_settime64", "settimeofday", "stime"};
constexpr Name kQuota[] = {"quotactl", "quotactl_fd"};
constexpr Name kAccounting[] = {"acct"};
constexpr Name kRawIo[] = {"ioperm", "iopl", "pciconfig_iobase", "pciconfig_read",
                           "pciconfig_write"};
constexpr Name kLog[] = {"syslog"};
constexpr Name kNotify[] = {"fanotify_init"};
constexpr Name kTty[] = {"vhangup"};
constexpr Name kObsolete[] = {"_sysctl",  "afs_syscall", "bdflush",  "break",  "ftime",
                              "getpmsg",  "gtty",        "idle",     "lock",   "lookup_dcookie",
                              "mpx",      "nfsservctl",  "prof",     "profil", "putpmsg",
                              "security", "sgetmask",    "ssetmask", "stty",   "sysfs",
                              "tuxcall",  "ulimit",      "uselib",   "usr26",  "usr32",
                              "ustat",    "vm86",        "vm86old",  "vserver"};
constexpr Name kPtrace[] = {"kcmp", "pidfd_getfd", "process_vm_readv", "process_vm_writev",
                            "ptrace"};
// Its arguments lie in memory, so families of sockets cannot be told apart (i386, s390x).
constexpr Name kSocketcall[] = {"socketcall"};

constexpr SyscallSet kSets[] = {
    {"@module", "loads and removes kernel modules", kModule},
    {"@reboot", "restarts the machine or replaces its kernel", kReboot},
    {"@bpf", "loads programs into the kernel", kBpf},
    {"@perf", "observes the whole machine", kPerf},
    {"@mount", "changes the mount tree", kMount},
    {"@setns", "enters other namespaces", kSetns},
    {"@hostname", "renames the host", kHostname},
    {"@keyring", "kernel keyrings, which no namespace separates", kKeyring},
    {"@userfault", "stops the kernel in page faults", kUserfault},
    {"@io-uring", "operations that no filter sees", kIoUring},
    {"@handle", "opens files outside the root by handle", kHandle},
    {"@swap", "swap space", kSwap},
    {"@clock", "sets the host's clock", kClock},
    {"@quota", "disk quotas", kQuota},
    {"@accounting", "process accounting", kAccounting},
    {"@raw-io", "I/O ports and PCI", kRawIo},
    {"@log", "the kernel's log", kLog},
    {"@notify", "watches whole file systems", kNotify},
    {"@tty", "hangs up terminals", kTty},
    {"@obsolete", "unused for decades", kObsolete},
    {"@ptrace", "reads and changes other processes", kPtrace},
    {"@socketcall", "sockets of any family", kSocketcall},
};

}  // namespace

std::span<const SyscallSet> host_sets() { return kSets; }

}  // namespace holdfast::seccomp
