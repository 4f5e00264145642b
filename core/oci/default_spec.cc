#include "core/oci/default_spec.h"

#include <algorithm>

namespace holdfast::oci {
namespace {

Process default_process() {
  Process process;
  process.terminal = true;
  process.args = {"sh"};
  process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
  process.cwd = "/";
  const Strings few = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  process.capabilities.emplace();
  process.capabilities->bounding = few;
  process.capabilities->effective = few;
  process.capabilities->permitted = few;
  process.rlimits = {{.type = "RLIMIT_NOFILE", .soft = 1024, .hard = 1024}};
  process.no_new_privileges = true;
  return process;
}

Mount mount(std::string destination, std::string type, std::string source, Strings options = {}) {
  Mount out;
  out.destination = std::move(destination);
  out.type = std::move(type);
  out.source = std::move(source);
  out.options = std::move(options);
  return out;
}

std::vector<Mount> default_mounts() {
  return {
      mount("/proc", "proc", "proc"),
      mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mount("/dev/pts", "devpts", "devpts",
            {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
      mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}),
  };
}

Linux default_linux(bool cgroup_v2) {
  Linux l;
  l.resources.emplace();
  l.resources->devices = {{.allow = false, .type = "", .major = {}, .minor = {}, .access = "rwm"}};
  for (const auto type : {NamespaceType::kPid, NamespaceType::kNetwork, NamespaceType::kIpc,
                          NamespaceType::kUts, NamespaceType::kMount})
    l.namespaces.push_back({type, ""});
  if (cgroup_v2) l.namespaces.push_back({NamespaceType::kCgroup, ""});
  l.masked_paths = {"/proc/acpi",        "/proc/asound",        "/proc/kcore",
                    "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
                    "/proc/timer_stats", "/proc/sched_debug",   "/sys/firmware",
                    "/proc/scsi",        "/proc/interrupts",    "/sys/devices/virtual/powercap"};
  l.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return l;
}

// Without root there is no network namespace to configure and no sysfs of one's own to mount
// without it; the group 5 (tty) is not mapped.
void make_rootless(Spec& spec, const SpecTemplate& how) {
  Linux& l = spec.linux_;
  std::erase_if(l.namespaces, [](const Namespace& n) { return n.type == NamespaceType::kNetwork; });
  l.namespaces.push_back({NamespaceType::kUser, ""});
  l.uid_mappings = {{.container_id = 0, .host_id = how.uid, .size = 1}};
  l.gid_mappings = {{.container_id = 0, .host_id = how.gid, .size = 1}};
  l.resources.reset();
  for (auto& each : spec.mounts) {
    std::erase_if(each.options, [](const std::string& o) { return o.starts_with("gid="); });
    if (each.destination == "/sys")
      each = mount("/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"});
  }
}

}  // namespace

Spec default_spec(const SpecTemplate& how) {
  Spec spec;
  spec.version = "1.3.0";
  spec.process = default_process();
  spec.root = {.path = "rootfs", .readonly = true};
  spec.hostname = "holdfast";
  spec.mounts = default_mounts();
  spec.linux_ = default_linux(how.cgroup_v2);
  if (how.rootless) make_rootless(spec, how);
  return spec;
}

}  // namespace holdfast::oci
