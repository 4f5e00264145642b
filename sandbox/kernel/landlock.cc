#include "sandbox/kernel/landlock.h"

#include <linux/landlock.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/kernel/mount_api.h"
#include "sandbox/kernel/mount_filesystem.h"

namespace holdfast {
namespace {

// What Debian 12's linux/landlock.h (Linux 6.1) lacks.
constexpr uint64_t kTruncate = 1 << 14, kIoctlDev = 1 << 15;
constexpr uint64_t kBindTcp = 1 << 0, kConnectTcp = 1 << 1;
constexpr int kRuleNetPort = 2;
struct RulesetAttributes {
  uint64_t handled_fs, handled_net;
};
struct NetPortRule {
  uint64_t access, port;
};

// The rights that a file can have which is no directory.
constexpr uint64_t kFileRights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                 LANDLOCK_ACCESS_FS_READ_FILE | kTruncate | kIoctlDev;

Result<Fd> make_ruleset(const LandlockPlan& plan) {
  RulesetAttributes attributes{plan.handled_fs, 0};
  if (plan.bind_tcp) attributes.handled_net |= kBindTcp;
  if (plan.connect_tcp) attributes.handled_net |= kConnectTcp;
  // A kernel older than the ports is not told of them.
  const size_t size =
      attributes.handled_net == 0 ? sizeof attributes.handled_fs : sizeof attributes;
  Fd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset) return os_error("make a ruleset");
  return ruleset;
}

// False with errno.
bool allow_beneath(const Fd& ruleset, int parent, uint64_t access) {
  landlock_path_beneath_attr rule{};
  rule.allowed_access = access;
  rule.parent_fd = parent;
  return ::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

Result<> grant(const Fd& ruleset, const DirFd& root, const std::string& path, uint64_t access) {
  auto target = root.open_resolved(path == "/" ? "." : path.substr(1), O_PATH, kInRoot);
  if (!target) {
    const int code = target.error().code;
    const bool missing = code == ENOENT || code == ENOTDIR || code == ELOOP;
    return missing ? Result<>{} : Failure(std::move(target.error()));
  }
  struct stat info {};
  if (::fstat(target->get(), &info) != 0) return os_error("stat {}", path);
  if (!S_ISDIR(info.st_mode)) access &= kFileRights;
  if (access == 0 || allow_beneath(ruleset, target->get(), access)) return {};
  return os_error("allow {}", path);
}

// /dev/stdout leads to whatever the engine opened, which may lie outside of the container's mounts.
Result<> grant_streams(const Fd& ruleset, uint64_t handled) {
  const uint64_t access = handled & (LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | kIoctlDev);
  if (access == 0) return {};
  for (int stream = 0; stream <= 2; ++stream) {
    struct stat info {};
    if (::fstat(stream, &info) != 0 || S_ISDIR(info.st_mode)) continue;
    // EBADFD: a pipe or socket, which no rule is needed for.
    if (!allow_beneath(ruleset, stream, access) && errno != EBADFD)
      return os_error("allow standard stream {}", stream);
  }
  return {};
}

Result<> grant_ports(const Fd& ruleset, const std::vector<uint16_t>& ports, uint64_t access) {
  for (const uint16_t port : ports) {
    const NetPortRule rule{access, port};
    if (::syscall(SYS_landlock_add_rule, ruleset.get(), kRuleNetPort, &rule, 0) != 0)
      return os_error("allow port {}", port);
  }
  return {};
}

// --- the proof ---

// Tries to execute what is no program and returns why that failed. An empty file can never be
// executed: at worst the kernel opens it and finds nothing in it.
int execution_error(const Fd& file) {
  char name[] = "landlock-probe";
  char* const argv[] = {name, nullptr};
  char* const environment[] = {nullptr};
  ::syscall(SYS_execveat, file.get(), "", argv, environment, AT_EMPTY_PATH);
  return errno;
}

// In the directory of a file system that can execute; invalid if it cannot be there.
Fd nameless_file(const Fd& directory) {
  struct statvfs state {};
  if (::fstatvfs(directory.get(), &state) != 0 || (state.f_flag & (ST_NOEXEC | ST_RDONLY)))
    return {};
  Fd file(::openat(directory.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0700));
  // For whoever the process will be.
  if (file && ::fchmod(file.get(), 0111) != 0) return {};
  // It can be opened for execution now: ETXTBSY, because we hold it for writing, or no program.
  const int code = file ? execution_error(file) : 0;
  if (code != ETXTBSY && code != ENOEXEC) return {};
  return file;
}

bool may_execute_in_dev(const LandlockPlan& plan) {
  return std::any_of(plan.grants.begin(), plan.grants.end(), [](const LandlockGrant& each) {
    return (each.access & LANDLOCK_ACCESS_FS_EXECUTE) != 0 &&
           std::any_of(each.paths.begin(), each.paths.end(), [](const std::string& path) {
             return path == "/" || path == "/dev" || path.starts_with("/dev/");
           });
  });
}

// In the container's /dev if that is of memory; else on a file system that nobody else sees.
Result<Fd> make_probe(const LandlockPlan& plan, const DirFd& root) {
  if (!may_execute_in_dev(plan)) {
    if (auto dev = root.open_resolved("dev", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, kInRoot)) {
      HF_TRY(const FilesystemState state, filesystem_state(*dev));
      if (state.magic == kTmpfsMagic)
        if (Fd file = nameless_file(*dev)) return file;
    }
  }
  HF_TRY(const Fd mount, make_filesystem({.type = "tmpfs",
                                          .source = "tmpfs",
                                          .data = {"size=4k"},
                                          .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                                          .superblock_flags = 0,
                                          .label = {}}));
  Fd file = nameless_file(mount);
  if (!file) return os_error("make a file to prove it with");
  return file;
}

}  // namespace

Result<LandlockDomain> LandlockDomain::make(const LandlockPlan& plan, const DirFd& root) {
  LandlockDomain domain;
  HF_TRY(domain.ruleset_, make_ruleset(plan));
  for (const LandlockGrant& each : plan.grants)
    for (const std::string& path : each.paths)
      HF_DO(grant(domain.ruleset_, root, path, each.access));
  HF_DO(grant_streams(domain.ruleset_, plan.handled_fs));
  if (plan.bind_tcp) HF_DO(grant_ports(domain.ruleset_, *plan.bind_tcp, kBindTcp));
  if (plan.connect_tcp) HF_DO(grant_ports(domain.ruleset_, *plan.connect_tcp, kConnectTcp));
  HF_TRY(domain.probe_, make_probe(plan, root));
  return domain;
}

Result<> LandlockDomain::enter() {
  const Fd ruleset = std::exchange(ruleset_, {});
  const Fd probe = std::exchange(probe_, {});
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return os_error("enter the domain");
  // Denied when it is opened, before anything else can be wrong with it.
  if (const int code = execution_error(probe); code != EACCES)
    return os_error_of(code, "the domain does not deny what it should");
  return {};
}

}  // namespace holdfast
