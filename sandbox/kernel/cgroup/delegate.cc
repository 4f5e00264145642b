// Whose the container's cgroup is (the specification's "Cgroup ownership", cgroups(7) "Delegation").
#include <unistd.h>

#include "sandbox/kernel/cgroup.h"

namespace holdfast {
namespace {

constexpr char kFallback[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";

Result<> give(const DirFd& directory, const std::string& name, uint32_t uid) {
  const int flags = name.empty() ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  if (::fchownat(directory.get(), name.c_str(), uid, static_cast<gid_t>(-1), flags) == 0) return {};
  // What another kernel's cgroups have.
  if (!name.empty() && errno == ENOENT) return {};
  return os_error("give {} to uid {}", name.empty() ? "the directory" : name, uid);
}

}  // namespace

Result<> delegate_cgroup(const CgroupRecord& record, uint32_t uid) {
  if (record.mode != HostFacts::Cgroup::kV2 || record.directories.empty()) return {};
  const std::string& path = record.directories.back().directory;
  const auto files = read_file("/sys/kernel/cgroup/delegate", 64 << 10);
  HF_TRY(const DirFd directory, DirFd::open(path, O_RDONLY | O_NOFOLLOW));
  HF_DO(with_context(give(directory, "", uid), "delegate {}", path));
  for (const std::string_view name : split(files ? std::string_view(*files) : kFallback, '\n'))
    if (!name.empty() && name.find('/') == std::string_view::npos)
      HF_DO(with_context(give(directory, std::string(name), uid), "delegate {}", path));
  return {};
}

}  // namespace holdfast
