#include "shim/oci/request_facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <memory>

#include "core/json/utf8.h"
#include "profiles/policy/landlock.h"
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

}  // namespace

void add_request_facts(const oci::Spec& spec, Request& request) {
  add_device_nodes(spec, request);
  for (const oci::Namespace& each : spec.linux_.namespaces) {
    struct stat info {};
    if (each.path.empty() || ::stat(each.path.c_str(), &info) != 0) continue;
    // The inode of a namespace's file is its number (namespaces(7)).
    request.namespace_ids[each.path] =
        fmt::format("{}:[{}]", oci::proc_name(each.type), info.st_ino);
  }
  for (const oci::Mount& each : spec.mounts) {
    if (!is_bind(each) || each.source.empty() || request.sources.contains(each.source)) continue;
    auto source = look_at_source(absolute_in(request.bundle, each.source));
    if (source) request.sources.emplace(each.source, std::move(*source));
  }
}

void add_root_entries(const oci::Spec& spec, const Policy& policy, Request& request) {
  if (policy.profile.landlock.mode == Requirement::kOff || policy.mode == Mode::kOff) return;
  request.root_entries = root_entries(absolute_in(request.bundle, spec.root.path));
}

}  // namespace holdfast
