#include "bench/bundle.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.h"

namespace holdfast::bench {
namespace {

constexpr uid_t kMappedRoot = 100000;

constexpr char kCapabilities[] =
    R"(["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD","CAP_NET_RAW",)"
    R"("CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP","CAP_NET_BIND_SERVICE",)"
    R"("CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"])";

constexpr char kMounts[] = R"(
  {"destination":"/proc","type":"proc","source":"proc","options":["nosuid","noexec","nodev"]},
  {"destination":"/dev","type":"tmpfs","source":"tmpfs",
   "options":["nosuid","strictatime","mode=755","size=65536k"]},
  {"destination":"/dev/pts","type":"devpts","source":"devpts",
   "options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620","gid=5"]},
  {"destination":"/sys","type":"sysfs","source":"sysfs","options":["nosuid","noexec","nodev","ro"]},
  {"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup",
   "options":["ro","nosuid","noexec","nodev"]},
  {"destination":"/dev/mqueue","type":"mqueue","source":"mqueue",
   "options":["nosuid","noexec","nodev"]},
  {"destination":"/dev/shm","type":"tmpfs","source":"shm",
   "options":["nosuid","noexec","nodev","mode=1777","size=67108864"]})";

constexpr char kLinux[] = R"(
  "resources":{"devices":[{"allow":false,"access":"rwm"},
    {"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"},
    {"allow":true,"type":"c","major":1,"minor":5,"access":"rwm"},
    {"allow":true,"type":"c","major":1,"minor":8,"access":"rwm"},
    {"allow":true,"type":"c","major":1,"minor":9,"access":"rwm"},
    {"allow":true,"type":"c","major":5,"minor":0,"access":"rwm"}],
    "memory":{"limit":268435456},"pids":{"limit":512}},
  "maskedPaths":["/proc/asound","/proc/acpi","/proc/kcore","/proc/keys","/proc/latency_stats",
    "/proc/timer_list","/proc/timer_stats","/proc/sched_debug","/proc/scsi","/sys/firmware"],
  "readonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"])";

constexpr char kUserNamespace[] = R"(,{"type":"user"}],
  "uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
  "gidMappings":[{"containerID":0,"hostID":100000,"size":65536}])";

// Paths of ours need no escapes: no quotes, no control characters.
std::string quoted(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += fmt::format("{}\"{}\"", text.empty() ? "" : ",", word);
  return text;
}

std::string config(const Host& host, const BundleRequest& request) {
  std::string etc;
  for (const char* file : {"resolv.conf", "hostname", "hosts"})
    etc += fmt::format(
        R"(,{{"destination":"/etc/{0}","type":"bind","source":"{1}/etc/{0}","options":["rbind","rprivate"]}})",
        file, host.scratch);
  std::string namespaces =
      R"([{"type":"mount"},{"type":"network"},{"type":"uts"},{"type":"pid"},{"type":"ipc"})";
  if (!host.v2.empty()) namespaces += R"(,{"type":"cgroup"})";
  namespaces += request.kind == BundleKind::kUserns ? kUserNamespace : "]";
  const std::string seccomp =
      request.kind == BundleKind::kSeccomp ? ",\"seccomp\":" + request.seccomp : "";
  return fmt::format(
      R"({{"ociVersion":"1.0.2","process":{{"user":{{"uid":0,"gid":0}},"args":[{}],)"
      R"("env":["PATH=/bin"],"cwd":"/","capabilities":{{"bounding":{},"effective":{},"permitted":{}}}}},)"
      R"("root":{{"path":"{}"}},"hostname":"bench","mounts":[{}{}],)"
      R"("linux":{{"cgroupsPath":"/{}/{}","namespaces":{},{}{}}}}})",
      quoted(request.args), kCapabilities, kCapabilities, kCapabilities,
      rootfs_path(host, request.kind), kMounts, etc, kCgroupName, request.name, namespaces, kLinux,
      seccomp);
}

Result<> make_etc(const Host& host) {
  HF_TRY(const DirFd scratch, DirFd::open(host.scratch));
  if (scratch.exists("etc")) return {};
  HF_DO(scratch.mkdir("etc", 0755));
  for (const char* file : {"etc/resolv.conf", "etc/hostname", "etc/hosts"})
    HF_DO(scratch.create(file, "", 0644));
  return {};
}

Result<> give(const DirFd& root, const std::string& name, uid_t owner) {
  if (fchownat(root.get(), name.c_str(), owner, owner, AT_SYMLINK_NOFOLLOW) != 0)
    return os_error("chown {}", name);
  return {};
}

}  // namespace

std::string_view bundle_name(BundleKind kind) {
  switch (kind) {
    case BundleKind::kPlain:
      return "plain";
    case BundleKind::kSeccomp:
      return "seccomp";
    case BundleKind::kUserns:
      return "userns";
  }
  return "";
}

std::string rootfs_path(const Host& host, BundleKind kind) {
  return host.scratch + (kind == BundleKind::kUserns ? "/rootfs-userns" : "/rootfs");
}

Result<> make_rootfs(const Host& host, BundleKind kind) {
  const std::string path = rootfs_path(host, kind);
  if (access(path.c_str(), F_OK) == 0) return {};  // shared by plain and seccomp
  if (mkdir(path.c_str(), 0755) != 0) return os_error("mkdir {}", path);
  HF_TRY(const DirFd root, DirFd::open(path));
  const uid_t owner = kind == BundleKind::kUserns ? kMappedRoot : 0;
  HF_DO(give(root, ".", owner));
  for (const char* directory : {"bin", "dev", "etc", "proc", "sys", "tmp"}) {
    HF_DO(root.mkdir(directory, 0755));
    HF_DO(give(root, directory, owner));
  }
  for (const char* file : {"etc/resolv.conf", "etc/hostname", "etc/hosts"})
    HF_DO(root.create(file, "", 0644));
  HF_TRY(const std::string busybox,
         with_context(read_file("/bin/busybox", 16 << 20), "busybox-static"));
  HF_DO(root.create("bin/busybox", busybox, 0755));
  for (const char* name : {"bin/true", "bin/sleep", "bin/sh"})
    if (symlinkat("busybox", root.get(), name) != 0) return os_error("symlink {}", name);
  return {};
}

Result<std::string> make_bundle(const Host& host, const BundleRequest& request) {
  HF_DO(make_etc(host));
  HF_TRY(const DirFd scratch, DirFd::open(host.scratch));
  HF_DO(scratch.mkdir(request.name, 0755));
  HF_DO(scratch.create(request.name + "/config.json", config(host, request), 0644));
  return host.scratch + "/" + request.name;
}

}  // namespace holdfast::bench
