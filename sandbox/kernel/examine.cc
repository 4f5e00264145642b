// examine_host(): what `holdfastctl doctor` shows beyond the facts that every create needs.
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/fd.h"
#include "core/plan/capability_names.h"
#include "sandbox/kernel/apparmor.h"
#include "sandbox/kernel/bpf/network_control.h"
#include "sandbox/kernel/nftables.h"
#include "sandbox/kernel/probe.h"
#include "sandbox/kernel/process.h"

#ifndef SYS_statmount
#define SYS_statmount 457  // Linux 6.8
#endif

namespace holdfast {
namespace {

HostCheck usable(std::string name, std::string detail) {
  return {std::move(name), true, std::move(detail)};
}

HostCheck missing(std::string name, std::string detail) {
  return {std::move(name), false, std::move(detail)};
}

// "no" with the error, "yes" with the detail.
HostCheck judged(std::string name, const Result<>& tried, std::string detail) {
  if (tried) return usable(std::move(name), std::move(detail));
  return missing(std::move(name), tried.error().message);
}

std::string in_one_line(std::string_view text) {
  std::string line(trim(text));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

HostCheck from_file(std::string name, const char* path) {
  const auto text = read_file(path, 65536);
  if (!text) return missing(std::move(name), text.error().message);
  return usable(std::move(name), in_one_line(*text));
}

// Names of /proc/cgroups whose last column, "enabled", is 1.
std::string v1_controllers(std::string_view table) {
  std::vector<std::string> names;
  for (const auto line : split(table, '\n')) {
    const auto columns = split(line, '\t');
    if (columns.size() == 4 && !line.starts_with('#') && columns[3] == "1")
      names.emplace_back(columns[0]);
  }
  return join(names, " ");
}

HostCheck cgroups(HostFacts::Cgroup mode) {
  const char* const name = "cgroups";
  if (mode == HostFacts::Cgroup::kNone) return missing(name, "nothing mounted at /sys/fs/cgroup");
  if (mode == HostFacts::Cgroup::kV2) {
    const auto list = read_file("/sys/fs/cgroup/cgroup.controllers");
    if (!list) return missing(name, list.error().message);
    return usable(name, "v2: " + in_one_line(*list));
  }
  const auto table = read_file("/proc/cgroups");
  if (!table) return missing(name, table.error().message);
  return usable(name, (mode == HostFacts::Cgroup::kHybrid ? "v1 with a v2 hierarchy: " : "v1: ") +
                          v1_controllers(*table));
}

// --- user namespaces and mounts ---

// Maps id 0 inside to ourselves.
Result<> map_ids(pid_t pid) {
  HF_TRY(const DirFd process, DirFd::open(fmt::format("/proc/{}", pid)));
  HF_DO(process.write("uid_map", fmt::format("0 {} 1", ::geteuid())));
  // Without CAP_SETGID over our own namespace the kernel wants it so.
  if (::geteuid() != 0) HF_DO(process.write("setgroups", "deny"));
  return process.write("gid_map", fmt::format("0 {} 1", ::getegid()));
}

// A user namespace that maps one id, kept by its descriptor.
Result<Fd> map_one_id() {
  const long raw = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (raw < 0) return os_error("make a user namespace");
  if (raw == 0)
    while (true) ::pause();
  const pid_t pid = static_cast<pid_t>(raw);
  const auto mapped = map_ids(pid);
  Fd user_namespace(::open(fmt::format("/proc/{}/ns/user", pid).c_str(), O_RDONLY | O_CLOEXEC));
  const int code = errno;
  (void)::kill(pid, SIGKILL);
  (void)::waitpid(pid, nullptr, 0);
  if (!mapped) return Failure(mapped.error());
  if (!user_namespace) return os_error_of(code, "open the user namespace");
  return user_namespace;
}

// A detached mount of a new file system.
Result<Fd> detached(const char* type) {
  const Fd context(::fsopen(type, FSOPEN_CLOEXEC));
  if (!context) return os_error("fsopen {}", type);
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return os_error("fsconfig {}", type);
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) return os_error("fsmount {}", type);
  return mount;
}

Result<Fd> clone_tree(const char* path) {
  Fd tree(::open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree) return os_error("open_tree {}", path);
  return tree;
}

Result<> idmap(Result<Fd> tree) {
  HF_TRY(const Fd mount, std::move(tree));
  HF_TRY(const Fd user_namespace, map_one_id());
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(user_namespace.get());
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
    return os_error("mount_setattr");
  return {};
}

Result<> without_value(const Result<Fd>& tried) {
  if (tried) return {};
  return Failure(tried.error());
}

HostCheck user_namespaces() {
  const auto most = read_file("/proc/sys/user/max_user_namespaces", 64);
  std::string detail = fmt::format("at most {}", most ? trim(*most) : "unknown");
  // Debian's and Ubuntu's own switches; other kernels do not have them.
  if (const auto open = read_file("/proc/sys/kernel/unprivileged_userns_clone", 64); open)
    detail += trim(*open) == "1" ? ", for all users" : ", for root only";
  if (const auto closed = read_file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 64);
      closed && trim(*closed) == "1")
    detail += ", without capabilities for unconfined users (AppArmor)";
  return judged("user namespaces", without_value(map_one_id()), detail);
}

// --- single calls ---

Result<> try_memfd() {
  constexpr unsigned kExecutable = 0x10;  // MFD_EXEC, Linux 6.3
  const Fd file(::memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING | kExecutable));
  if (!file) return os_error("memfd_create");
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) != 0) return os_error("seal");
  return {};
}

Result<> try_openat2() {
  HF_TRY(const DirFd root, DirFd::open("/", O_PATH));
  HF_TRY(const Fd same, root.open_resolved(".", O_PATH, kPlain));
  (void)same;
  return {};
}

Result<> try_pidfd() {
  const Fd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!self) return os_error("pidfd_open");
  return {};
}

// Without arguments: any answer but ENOSYS says that the call is there.
Result<> try_call(const char* name, long number) {
  if (::syscall(number, 0, 0, 0, 0, 0, 0) >= 0 || errno != ENOSYS) return {};
  return os_error("{}", name);
}

}  // namespace

std::vector<HostCheck> examine_host() {
  std::vector<HostCheck> checks;
  const auto probed = probe_host();
  if (!probed) return {missing("host", probed.error().message)};
  const HostFacts& facts = *probed;
  checks.push_back(usable("kernel", facts.kernel));
  checks.push_back(cgroups(facts.cgroup));
  checks.push_back(from_file("security modules", "/sys/kernel/security/lsm"));
  const std::string apparmor = facts.apparmor ? apparmor_obstacle(facts) : "not enabled";
  checks.push_back({"AppArmor", apparmor.empty(), apparmor.empty() ? "enabled" : apparmor});
  checks.push_back({"SELinux", facts.selinux, facts.selinux ? "enabled" : "not enabled"});
  checks.push_back({"Landlock", facts.landlock_abi > 0, fmt::format("ABI {}", facts.landlock_abi)});
  checks.push_back(
      {"BPF LSM", facts.bpf_lsm,
       facts.bpf_lsm ? "among the security modules" : "not among the security modules"});
  const std::string network = network_obstacle();
  checks.push_back({"network control", network.empty(), network.empty() ? "cgroup BPF" : network});
  checks.push_back({"nftables", nftables_available(), "network control without cgroup version 2"});
  checks.push_back(from_file("seccomp", "/proc/sys/kernel/seccomp/actions_avail"));
  checks.push_back(usable("capabilities", join(capability_list(facts.bounding), " ")));
  checks.push_back(user_namespaces());
  checks.push_back(judged("private procfs", without_value(detached("proc")), "fsopen, fsmount"));
  checks.push_back(judged("detached bind mounts", without_value(clone_tree("/")), "open_tree"));
  checks.push_back(judged("idmapped tmpfs", idmap(detached("tmpfs")), "mount_setattr"));
  checks.push_back(judged("idmapped root file system", idmap(clone_tree("/")), "mount_setattr"));
  checks.push_back(judged("sealed executable memfd", try_memfd(), "memfd_create, MFD_EXEC"));
  checks.push_back(judged("openat2", try_openat2(), "confined paths"));
  checks.push_back(judged("pidfd", try_pidfd(), "pidfd_open"));
  checks.push_back(judged("clone3", try_call("clone3", SYS_clone3), "system call"));
  checks.push_back(judged("statmount", try_call("statmount", SYS_statmount), "system call"));
  return checks;
}

}  // namespace holdfast
