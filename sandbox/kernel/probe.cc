#include "sandbox/kernel/probe.h"

#include <linux/landlock.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/base/fd.h"
#include "sandbox/kernel/process.h"

#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66  // Linux 6.3
#endif

namespace holdfast {
namespace {

using FileSystem = decltype(statfs::f_type);

FileSystem file_system(const char* path) {
  struct statfs info {};
  return ::statfs(path, &info) == 0 ? info.f_type : 0;
}

HostFacts::Cgroup cgroup_mode() {
  const FileSystem top = file_system("/sys/fs/cgroup");
  if (top == CGROUP2_SUPER_MAGIC) return HostFacts::Cgroup::kV2;
  if (top != TMPFS_MAGIC) return HostFacts::Cgroup::kNone;
  const bool unified = file_system("/sys/fs/cgroup/unified") == CGROUP2_SUPER_MAGIC;
  return unified ? HostFacts::Cgroup::kHybrid : HostFacts::Cgroup::kV1;
}

bool pids_controller(HostFacts::Cgroup mode) {
  if (mode == HostFacts::Cgroup::kNone) return false;
  if (mode != HostFacts::Cgroup::kV2) return ::access("/sys/fs/cgroup/pids", F_OK) == 0;
  auto list = read_file("/sys/fs/cgroup/cgroup.controllers", 4096);
  if (!list) return false;
  const auto names = split(trim(*list), ' ');
  return std::find(names.begin(), names.end(), "pids") != names.end();
}

int32_t landlock_abi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi > 0 ? static_cast<int32_t>(abi) : 0;
}

// The list is only there where securityfs is mounted: elsewhere nobody can load BPF LSM programs
// usefully.
bool bpf_lsm() {
  auto list = read_file("/sys/kernel/security/lsm", 4096);
  if (!list) return false;
  const auto names = split(trim(*list), ',');
  return std::find(names.begin(), names.end(), "bpf") != names.end();
}

// Whether a process may ask for it is told by whether it may ask about it.
bool mdwe() { return ::prctl(PR_GET_MDWE, 0, 0, 0, 0) >= 0; }

bool seccomp_log() {
  const uint32_t action = SECCOMP_RET_LOG;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

constexpr std::array<const char*, 8> kNamespaces{"cgroup", "ipc",  "mnt",  "net",
                                                 "pid",    "time", "user", "uts"};

Result<std::vector<std::string>> own_namespaces() {
  HF_TRY(const DirFd directory, DirFd::open("/proc/self/ns", O_PATH));
  std::vector<std::string> namespaces;
  namespaces.reserve(kNamespaces.size());
  for (const char* name : kNamespaces) {
    char text[64];
    const ssize_t size = ::readlinkat(directory.get(), name, text, sizeof text);
    // A kernel without this kind of namespace: nothing can be joined, either.
    if (size < 0 && errno == ENOENT) continue;
    if (size < 0) return os_error("read /proc/self/ns/{}", name);
    namespaces.emplace_back(text, static_cast<size_t>(size));
  }
  return namespaces;
}

}  // namespace

bool in_user_namespace() {
  auto map = read_file("/proc/self/uid_map", 65536);
  // Without user namespaces in the kernel there is no such file, and no such namespace.
  if (!map) return false;
  // user_namespaces(7): the initial one maps 0 0 4294967295.
  std::vector<std::string_view> fields;
  for (const auto field : split(trim(*map), ' '))
    if (!field.empty()) fields.push_back(field);
  return fields != std::vector<std::string_view>{"0", "0", "4294967295"};
}

Result<HostFacts> probe_host() {
  HostFacts facts;
  utsname system{};
  if (::uname(&system) != 0) return os_error("uname");
  facts.kernel = system.release;
  facts.cgroup = cgroup_mode();
  facts.pids_controller = pids_controller(facts.cgroup);
  facts.apparmor = apparmor_enabled();
  facts.selinux = selinux_enabled();
  facts.landlock_abi = landlock_abi();
  facts.mdwe = mdwe();
  facts.bpf_lsm = bpf_lsm();
  facts.seccomp_log = seccomp_log();
  facts.euid = ::geteuid();
  facts.in_user_namespace = in_user_namespace();
  facts.last_capability = last_capability();
  HF_TRY(const CapabilitySets own, own_capabilities());
  // Root hands on what it holds. Others hold nothing here, but everything in the user namespace
  // that they make, whose bounding set is full.
  facts.bounding = facts.euid == 0 ? own.bounding & own.permitted : own.bounding;
  HF_TRY(facts.host_namespaces, own_namespaces());
  return facts;
}

}  // namespace holdfast
