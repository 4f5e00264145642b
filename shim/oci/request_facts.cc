#include "shim/oci/request_facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/json/utf8.h"
#include "core/plan/mount_options.h"
#include "profiles/policy/capabilities.h"
#include "profiles/policy/landlock.h"
#include "profiles/policy/mount_rules.h"
#include "sandbox/kernel/apparmor.h"
#include "sandbox/kernel/bpf/network_control.h"
#include "sandbox/kernel/cgroup_controls.h"
#include "sandbox/kernel/nftables.h"
#include "sandbox/kernel/process.h"
#include "sandbox/kernel/rootfs_path.h"
#include "sandbox/launch/file_capabilities.h"
#include "shim/oci/mount_source.h"

namespace holdfast {
namespace {

bool is_bind(const oci::Mount& mount) {
  return mount.type == "bind" || std::any_of(mount.options.begin(), mount.options.end(),
                                             [](auto& o) { return o == "bind" || o == "rbind"; });
}

std::string absolute_in(const std::string& bundle, const std::string& path) {
  return path.starts_with('/') ? path : bundle + '/' + path;
}

// More than any image has; a domain with as many rules would make every path lookup dear.
constexpr size_t kMostEntries = 128;

// A directory, or a file that somebody may execute. A link leads to what has its own name.
bool can_hold_programs(int directory, const dirent& entry) {
  if (entry.d_type == DT_DIR) return true;
  if (entry.d_type != DT_REG && entry.d_type != DT_UNKNOWN) return false;
  struct stat info {};
  if (::fstatat(directory, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (S_ISDIR(info.st_mode)) return true;
  return S_ISREG(info.st_mode) && (info.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
}

// Names that a plan can hold.
bool is_plain(std::string_view name) {
  return name != "." && name != ".." && json::find_invalid_utf8(name) == name.npos;
}

RootEntries root_entries(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> root(::opendir(path.c_str()), &::closedir);
  if (!root) return std::nullopt;
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(root.get())) {
    if (!is_plain(entry->d_name) || !can_hold_programs(::dirfd(root.get()), *entry)) continue;
    if (names.size() == kMostEntries) return std::nullopt;
    names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void add_device_nodes(const oci::Spec& spec, Request& request) {
  for (const oci::Device& each : spec.linux_.devices) {
    struct stat info {};
    if (::lstat(each.path.c_str(), &info) != 0 || !(S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)))
      continue;
    request.device_nodes[each.path] = fmt::format("{} {}:{}", S_ISCHR(info.st_mode) ? 'c' : 'b',
                                                  major(info.st_rdev), minor(info.st_rdev));
  }
}

// "/proc/17/ns/ipc": the label of process 17.
std::string label_of_joined(const oci::Spec& spec) {
  for (const oci::Namespace& each : spec.linux_.namespaces) {
    const std::string_view path = each.path;
    if (each.type != oci::NamespaceType::kIpc || !path.starts_with("/proc/")) continue;
    const std::string_view pid = path.substr(6, path.find('/', 6) - 6);
    if (!parse_number<uint32_t>(pid) || path.substr(6 + pid.size()) != "/ns/ipc") continue;
    const auto label = read_file(fmt::format("/proc/{}/attr/current", pid), 4096);
    if (label) return label->substr(0, label->find('\0'));
  }
  return {};
}

Request::Memory memory_of_host() {
  struct sysinfo info {};
  Request::Memory memory;
  if (::sysinfo(&info) == 0) memory.total = uint64_t{info.totalram} * info.mem_unit;
  if (const long page = ::sysconf(_SC_PAGESIZE); page > 0)
    memory.page = static_cast<uint64_t>(page);
  return memory;
}

bool loses_net_raw(const oci::Spec& spec, const Profile& profile) {
  if (!spec.process || !spec.process->capabilities ||
      (profile.capabilities.allow.bits & capability_bit(CAP_NET_RAW)) != 0)
    return false;
  const oci::Strings& asked = spec.process->capabilities->bounding;
  return std::find(asked.begin(), asked.end(), "CAP_NET_RAW") != asked.end();
}

// Where distributions put it.
std::optional<Request::Ping> find_ping(const std::string& path) {
  const auto root = DirFd::open(path, O_PATH);
  if (!root) return std::nullopt;
  for (const char* each : {"/usr/bin/ping", "/bin/ping"}) {
    const auto file = open_in_root(*root, RootPath(each), O_PATH, Links::kFollow);
    struct stat info {};
    if (!file || ::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    return Request::Ping{each, demanded_capabilities(fmt::format("/proc/self/fd/{}", file->get()))};
  }
  return std::nullopt;
}

void add_denied_names(const Paths& denied, Request& request) {
  if (denied.empty()) return;
  const KnownFiles known(denied);
  for (auto& [path, source] : request.sources)
    for (std::string& name : known.names_of(source)) source.other_names.push_back(std::move(name));
}

}  // namespace

void add_label_facts(const oci::Spec& spec, const HostFacts& facts, Request& request) {
  if (facts.apparmor) request.apparmor_obstacle = apparmor_obstacle(facts);
  if (!facts.selinux || !spec.process || !spec.process->selinux_label.empty()) return;
  request.selinux.knows_containers =
      check_selinux_label("system_u:system_r:container_t:s0:c0,c1").has_value();
  const std::string root = absolute_in(request.bundle, spec.root.path);
  char label[4096];
  const ssize_t size = ::getxattr(root.c_str(), "security.selinux", label, sizeof label);
  if (size > 0)
    request.selinux.root_label.assign(label, ::strnlen(label, static_cast<size_t>(size)));
  request.selinux.pod_label = label_of_joined(spec);
}

void add_request_facts(const oci::Spec& spec, Request& request) {
  add_device_nodes(spec, request);
  for (const oci::Namespace& each : spec.linux_.namespaces) {
    struct stat info {};
    if (each.path.empty() || ::stat(each.path.c_str(), &info) != 0) continue;
    // The inode of a namespace's file is its number (namespaces(7)).
    request.namespace_ids[each.path] =
        fmt::format("{}:[{}]", oci::proc_name(each.type), info.st_ino);
  }
  const auto look_at = [&](const std::string& path) {
    if (path.empty() || request.sources.contains(path)) return;
    auto source = look_at_source(absolute_in(request.bundle, path));
    if (source) request.sources.emplace(path, std::move(*source));
  };
  for (const oci::Mount& each : spec.mounts) {
    if (is_bind(each)) {
      look_at(each.source);
    } else if (each.type == "overlay") {
      if (const auto mount = parse_mount(each))
        for (const std::string& layer : overlay_layers(mount->data)) look_at(layer);
    }
  }
}

void add_policy_facts(const oci::Spec& spec, const Policy& policy, Request& request) {
  if (policy.mode == Mode::kOff) return;
  if (policy.profile.landlock.mode != Requirement::kOff)
    request.root_entries = root_entries(absolute_in(request.bundle, spec.root.path));
  if (loses_net_raw(spec, policy.profile))
    request.ping = find_ping(absolute_in(request.bundle, spec.root.path));
  if (const Limit& tmpfs = policy.profile.limits.tmpfs; tmpfs.fallback || tmpfs.max)
    request.memory = memory_of_host();
  if (policy.profile.exec.control.drift)
    request.memfd_noexec = ::access("/proc/sys/vm/memfd_noexec", F_OK) == 0;
  if (policy.profile.network.active() || may_isolate(policy.profile)) {
    request.network.bpf_obstacle = network_obstacle();
    request.network.nftables = !request.network.bpf_obstacle.empty() && nftables_available();
  }
  add_denied_names(policy.profile.mounts.deny, request);
  if (needs_cgroup_controls(policy.profile.limits)) request.controls = cgroup_controls();
}

}  // namespace holdfast
