// Specs, facts and requests as engines and hosts give them, for the tests of the policy.
#pragma once

#include <linux/capability.h>

#include <string>
#include <string_view>

#include "core/plan/capability_names.h"
#include "profiles/policy/resolve.h"

namespace holdfast::samples {

inline constexpr uint64_t kAllCapabilities = (uint64_t{1} << 41) - 1;

inline uint64_t capability(int number) { return uint64_t{1} << number; }

inline uint64_t docker_capabilities() {
  uint64_t mask = 0;
  for (const int number : {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FSETID, CAP_FOWNER, CAP_MKNOD,
                           CAP_NET_RAW, CAP_SETGID, CAP_SETUID, CAP_SETFCAP, CAP_SETPCAP,
                           CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_KILL, CAP_AUDIT_WRITE})
    mask |= capability(number);
  return mask;
}

inline oci::Capabilities capabilities(uint64_t mask) {
  const auto names = capability_list(mask);
  oci::Capabilities all;
  all.bounding = all.effective = all.permitted = names;
  return all;
}

inline HostFacts facts() {
  HostFacts facts;
  facts.kernel = "6.1.0";
  facts.cgroup = HostFacts::Cgroup::kV2;
  facts.seccomp_log = true;
  facts.bounding = kAllCapabilities;
  facts.pids_controller = true;
  facts.host_namespaces = {"net:[4026531840]",   "pid:[4026531836]", "ipc:[4026531839]",
                           "mnt:[4026531841]",   "uts:[4026531838]", "user:[4026531837]",
                           "cgroup:[4026531835]"};
  return facts;
}

inline Request request() {
  Request request;
  request.id = "c1";
  request.bundle = "/run/b/c1";
  request.controls = {.memory = true,
                      .swap = true,
                      .cpu = true,
                      .io_weight = true,
                      .hugetlb = true,
                      .page_sizes = {"2MB"}};
  return request;
}

// What dockerd 20.10 writes for `docker run alpine true`, in essence.
inline oci::Spec docker_spec() {
  using enum oci::NamespaceType;
  oci::Spec spec;
  spec.version = "1.0.2-dev";
  spec.root.path = "/var/lib/docker/overlay2/3f/merged";
  spec.hostname = "c1";
  oci::Process process;
  process.args = {"true"};
  process.env = {"PATH=/bin"};
  process.cwd = "/";
  process.capabilities = capabilities(docker_capabilities());
  process.capabilities->inheritable = process.capabilities->bounding;
  process.oom_score_adj = 0;
  spec.process = std::move(process);
  const auto mount = [&](std::string destination, std::string type, std::string source,
                         oci::Strings options) {
    spec.mounts.push_back(
        {std::move(destination), std::move(type), std::move(source), std::move(options), {}, {}});
  };
  mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"});
  mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"});
  mount("/dev/pts", "devpts", "devpts",
        {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
  mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"});
  mount("/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"});
  mount("/etc/hosts", "bind", "/var/lib/docker/containers/3f/hosts", {"rbind", "rprivate"});
  for (const auto type : {kMount, kUts, kPid, kIpc, kNetwork})
    spec.linux_.namespaces.push_back({type, ""});
  spec.linux_.cgroups_path = "/docker/3f";
  spec.linux_.masked_paths = {"/proc/asound",      "/proc/acpi",          "/proc/kcore",
                              "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
                              "/proc/timer_stats", "/proc/sched_debug",   "/proc/scsi",
                              "/sys/firmware"};
  spec.linux_.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                "/proc/sysrq-trigger"};
  oci::Seccomp seccomp;
  seccomp.default_action = oci::SeccompAction::kErrno;
  seccomp.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  seccomp.syscalls.push_back(
      {{"read", "write", "clone", "socket"}, oci::SeccompAction::kAllow, std::nullopt, {}});
  spec.linux_.seccomp = std::move(seccomp);
  oci::Resources resources;
  resources.devices.push_back({false, "", std::nullopt, std::nullopt, "rwm"});
  resources.pids = oci::PidsResources{0};
  spec.linux_.resources = std::move(resources);
  return spec;
}

// `docker run --privileged`.
inline oci::Spec privileged_spec() {
  oci::Spec spec = docker_spec();
  spec.process->capabilities = capabilities(kAllCapabilities);
  spec.linux_.masked_paths.clear();
  spec.linux_.readonly_paths.clear();
  spec.linux_.seccomp.reset();
  spec.linux_.resources->devices = {{true, "", std::nullopt, std::nullopt, "rwm"}};
  return spec;
}

inline const Decision* find_decision(const Plan& plan, std::string_view rule) {
  for (const Decision& d : plan.decisions)
    if (d.rule == rule) return &d;
  return nullptr;
}

}  // namespace holdfast::samples
