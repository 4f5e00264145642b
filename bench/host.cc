#include "bench/host.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/base/fd.h"

namespace holdfast::bench {
namespace {

constexpr char kCgroupRoot[] = "/sys/fs/cgroup";
constexpr long kCgroup2Magic = 0x63677270;

bool is_cgroup2(const std::string& path) {
  struct statfs info {};
  return statfs(path.c_str(), &info) == 0 && info.f_type == kCgroup2Magic;
}

Result<> own_mount_namespace() {
  if (unshare(CLONE_NEWNS) != 0) return os_error("make a mount namespace (root is needed)");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return os_error("make / private");
  return {};
}

Result<std::string> make_scratch() {
  char path[] = "/tmp/holdfast-bench.XXXXXX";
  if (mkdtemp(path) == nullptr) return os_error("mkdtemp {}", path);
  if (mount("holdfast-bench", path, "tmpfs", MS_NOSUID, "mode=755") != 0)
    return os_error("mount tmpfs on {}", path);
  return std::string(path);
}

// /etc/holdfast need not exist, and the machine's own /etc must not be touched.
Result<> make_policy_place(const std::string& scratch) {
  HF_TRY(const DirFd directory, DirFd::open(scratch));
  HF_DO(directory.mkdir("etc-upper", 0755));
  HF_DO(directory.mkdir("etc-work", 0755));
  const std::string options =
      fmt::format("lowerdir=/etc,upperdir={0}/etc-upper,workdir={0}/etc-work", scratch);
  if (mount("holdfast-bench", "/etc", "overlay", 0, options.c_str()) != 0)
    return os_error("mount an overlay on /etc");
  if (mkdir("/etc/holdfast", 0755) != 0 && errno != EEXIST) return os_error("mkdir /etc/holdfast");
  if (mount("holdfast-bench", "/etc/holdfast", "tmpfs", MS_NOSUID, "mode=755") != 0)
    return os_error("mount a tmpfs on /etc/holdfast");
  if (mkdir("/etc/holdfast/policy.d", 0755) != 0) return os_error("mkdir /etc/holdfast/policy.d");
  return {};
}

Result<> find_hierarchies(Host& host) {
  if (is_cgroup2(kCgroupRoot)) {
    host.v2 = kCgroupRoot;
    return {};
  }
  HF_TRY(const DirFd root, DirFd::open(kCgroupRoot));
  HF_TRY(const std::vector<std::string> names, root.list());
  for (const std::string& name : names) {
    // Links such as cpu -> cpu,cpuacct name a hierarchy a second time.
    if (root.exists(name + "/tasks") && root.open_at(name, O_PATH | O_DIRECTORY | O_NOFOLLOW))
      host.v1.push_back(fmt::format("{}/{}", kCgroupRoot, name));
  }
  return {};
}

Result<> remove_leaves_first(const DirFd& parent, const std::string& name) {
  HF_TRY(const DirFd own, parent.open_dir(name));
  HF_TRY(const std::vector<std::string> entries, own.list());
  for (const std::string& entry : entries)
    if (own.open_at(entry, O_PATH | O_DIRECTORY | O_NOFOLLOW))
      HF_DO(remove_leaves_first(own, entry));
  return parent.rmdir(name);
}

}  // namespace

Result<Host> prepare_host(const HostOptions& options) {
  Host host;
  HF_DO(own_mount_namespace());
  const std::string unified = std::string(kCgroupRoot) + "/unified";
  if (!options.keep_unified && is_cgroup2(unified)) {
    if (umount2(unified.c_str(), 0) != 0) return os_error("unmount {}", unified);
    host.unified_hidden = true;
  }
  HF_TRY(host.scratch, make_scratch());
  HF_DO(make_policy_place(host.scratch));
  HF_DO(find_hierarchies(host));
  // A created container's init falls to us when its runtime ends.
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return os_error("become the subreaper");
  return host;
}

Result<> remove_cgroups(const Host& host, const std::string& name) {
  std::vector<std::string> roots = host.v1;
  if (!host.v2.empty()) roots.push_back(host.v2);
  for (const std::string& root : roots) {
    HF_TRY(const DirFd hierarchy, DirFd::open(root));
    if (hierarchy.exists(name)) HF_DO(remove_leaves_first(hierarchy, name));
  }
  return {};
}

Result<> set_policy(const std::string& policy) {
  HF_TRY(const DirFd directory, DirFd::open("/etc/holdfast/policy.d"));
  if (policy.empty()) return directory.unlink("10-bench.json");
  return directory.replace("10-bench.json", policy, 0644);
}

void clean_up(const Host& host) {
  umount2("/etc/holdfast", MNT_DETACH);
  umount2("/etc", MNT_DETACH);
  umount2(host.scratch.c_str(), MNT_DETACH);
  rmdir(host.scratch.c_str());
}

}  // namespace holdfast::bench
