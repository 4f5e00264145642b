// The profiles that come with holdfast, as data. docs/profiles.md is their prose.
#include <linux/capability.h>

#include <array>

#include "profiles/policy/profile.h"

namespace holdfast {
namespace {

template <class... Numbers>
constexpr CapabilitySet set_of(Numbers... numbers) {
  return {((uint64_t{1} << numbers) | ...)};
}

// What Docker hides, old releases and new ones together. One that a kernel has not is no error.
constexpr const char* kMasked[] = {
    "/proc/acpi",       "/proc/asound",        "/proc/interrupts",  "/proc/kcore",
    "/proc/keys",       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats",   "/sys/firmware",     "/sys/devices/virtual/powercap",
};
constexpr const char* kReadonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                     "/proc/sysrq-trigger"};

// Pod Security Standards' safe ones (check id sysctls).
constexpr const char* kSafeSysctls[] = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
};

constexpr MountFlags kNoPrivilegesFromFiles{
    uint64_t{1} << static_cast<unsigned>(MountFlag::kNosuid) |
    uint64_t{1} << static_cast<unsigned>(MountFlag::kNodev)};

// Gives everything, reports what the others would not give.
Profile observe() {
  Profile p;
  p.name = "observe";
  p.privileged = Access::kWarn;
  p.host_namespaces = {Access::kWarn, Access::kWarn, Access::kWarn, Access::kWarn, Access::kWarn};
  p.capabilities = {.allow = every_capability(), .on_request = every_capability()};
  p.sysctl = {"*"};
  p.devices = {
      .allow = {"/dev/fuse", "/dev/net/tun"}, .others = Access::kWarn, .wide_rules = Access::kWarn};
  p.mounts.engine_state = Access::kWarn;
  p.mounts.layers = Access::kWarn;
  p.mounts.system = Access::kWarn;
  p.mounts.shared = Access::kWarn;
  p.exec.capabilities = every_capability();
  return p;
}

Profile baseline() {
  Profile p = observe();
  p.name = "baseline";
  p.extends = "observe";
  // Docker's fourteen without NET_RAW.
  p.capabilities.allow = set_of(CAP_AUDIT_WRITE, CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,
                                CAP_FSETID, CAP_KILL, CAP_MKNOD, CAP_NET_BIND_SERVICE, CAP_SETFCAP,
                                CAP_SETGID, CAP_SETPCAP, CAP_SETUID, CAP_SYS_CHROOT);
  p.capabilities.on_request = set_of(CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_IPC_LOCK, CAP_SYS_NICE);
  p.seccomp.filter = Requirement::kRequire;
  p.app_armor = Requirement::kAuto;
  p.se_linux = Requirement::kAuto;
  p.masked_paths.assign(std::begin(kMasked), std::end(kMasked));
  p.readonly_paths.assign(std::begin(kReadonly), std::end(kReadonly));
  // Enough for anything that is not a fork bomb: half of the smallest pid space that kernels give.
  p.limits.pids.fallback = Quantity{16384};
  p.hooks.trusted = true;
  p.mounts.engine_state = Access::kDeny;
  return p;
}

Profile restricted() {
  Profile p = baseline();
  p.name = "restricted";
  p.extends = "baseline";
  p.privileged = Access::kDeny;
  p.host_namespaces = {Access::kDeny, Access::kDeny, Access::kDeny, Access::kDeny, Access::kDeny};
  p.root_user = Access::kWarn;
  p.capabilities = {.allow = set_of(CAP_NET_BIND_SERVICE), .on_request = {}};
  p.no_new_privileges = Requirement::kRequire;
  p.user_namespace = Requirement::kAuto;
  p.landlock.mode = Requirement::kAuto;
  p.seccomp.remove = {"@personality", "@ptrace", "@socketcall"};
  // What Pod Security's users set for small services; the kernel's own ceiling, so that "unlimited" is
  // beyond it.
  p.limits.pids = {.fallback = Quantity{4096}, .max = Quantity{4194304}};
  p.sysctl.assign(std::begin(kSafeSysctls), std::end(kSafeSysctls));
  p.devices.others = Access::kDeny;
  p.devices.wide_rules = Access::kDeny;
  p.mounts.layers = Access::kDeny;
  p.mounts.system = Access::kDeny;
  p.mounts.shared = Access::kDeny;
  p.mounts.force_tmpfs = kNoPrivilegesFromFiles;
  p.mounts.force_kernel = kNoPrivilegesFromFiles;
  return p;
}

}  // namespace

const Profile* shipped_profile(std::string_view name) {
  // Made when they are asked for: an ordinary create needs one of them.
  if (name == "baseline") {
    static const Profile profile = baseline();
    return &profile;
  }
  if (name == "restricted") {
    static const Profile profile = restricted();
    return &profile;
  }
  if (name == "observe") {
    static const Profile profile = observe();
    return &profile;
  }
  return nullptr;
}

std::vector<std::string_view> shipped_profile_names() {
  return {"restricted", "baseline", "observe"};
}

}  // namespace holdfast
