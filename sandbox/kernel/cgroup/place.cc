#include "sandbox/kernel/cgroup/place.h"

namespace holdfast::cgroup {
namespace {

// What the kernel shows for `directory` in /proc/PID/cgroup.
std::string kernel_path(const Hierarchy& hierarchy, const std::string& directory) {
  const std::string inside = directory.substr(hierarchy.mount_point.size());
  // "/" is the whole hierarchy; "/.." is told inside a cgroup namespace for what lies outside.
  if (hierarchy.mount_root == "/" || hierarchy.mount_root.substr(0, 3) == "/..") return inside;
  return hierarchy.mount_root + inside;
}

std::string parent_of(const Hierarchy& hierarchy) {
  std::string own = hierarchy.own_directory();
  if (own.size() <= hierarchy.mount_point.size()) return own;
  return own.substr(0, own.rfind('/'));
}

}  // namespace

Result<std::string> clean_path(std::string_view asked) {
  constexpr size_t kLongestName = 255, kLongestPath = 3000;
  if (asked.size() > kLongestPath)
    return error("linux.cgroupsPath: longer than {} bytes", kLongestPath);
  std::string clean;
  const bool absolute = asked.substr(0, 1) == "/";
  for (const std::string_view part : split(asked, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return error("linux.cgroupsPath: \"..\" is not allowed in {}", asked);
    if (part.size() > kLongestName)
      return error("linux.cgroupsPath: a name longer than {} bytes", kLongestName);
    for (const char letter : part)
      if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f)
        return error("linux.cgroupsPath: control characters are not allowed");
    if (!clean.empty() || absolute) clean += '/';
    clean += part;
  }
  if (clean.empty()) return error("linux.cgroupsPath: {} names the root of the hierarchy", asked);
  return clean;
}

Result<Unit> parse_unit(std::string_view asked, const std::string& id,
                        std::string_view default_slice) {
  Unit unit{std::string(default_slice), fmt::format("holdfast-{}.scope", id)};
  if (asked.empty()) return unit;
  const auto parts = split(asked, ':');
  if (parts.size() != 3)
    return error(
        "expected linux.cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got "
        "\"{}\" "
        "instead",
        asked);
  if (!parts[0].empty()) unit.slice = parts[0] == "-" ? "-.slice" : std::string(parts[0]);
  const std::string_view name = parts[2];
  const bool slice = name.size() > 6 && name.substr(name.size() - 6) == ".slice";
  if (slice)
    unit.name = name;
  else if (parts[1].empty())
    unit.name = fmt::format("{}.scope", name);
  else
    unit.name = fmt::format("{}-{}.scope", parts[1], name);
  // systemd.unit(5): at most 255 bytes of these.
  if (name.empty() || unit.name.size() > 255)
    return error("linux.cgroupsPath: \"{}\" gives no valid unit name", asked);
  for (const char letter : unit.name)
    if (!(letter >= 'a' && letter <= 'z') && !(letter >= 'A' && letter <= 'Z') &&
        !(letter >= '0' && letter <= '9') &&
        std::string_view(":-_.\\").find(letter) == std::string_view::npos)
      return error("linux.cgroupsPath: \"{}\" is no valid unit name", unit.name);
  return unit;
}

Result<std::string> expand_slice(std::string_view slice) {
  constexpr std::string_view kSuffix = ".slice";
  if (slice == "-.slice") return std::string();
  if (slice.size() <= kSuffix.size() || slice.substr(slice.size() - kSuffix.size()) != kSuffix ||
      slice.find('/') != std::string_view::npos || slice.find("..") != std::string_view::npos ||
      slice.size() > 255)
    return error("invalid slice name: {}", slice);
  std::string path, prefix;
  for (const std::string_view part : split(slice.substr(0, slice.size() - kSuffix.size()), '-')) {
    if (part.empty()) return error("invalid slice name: {}", slice);
    prefix += part;
    path += fmt::format("/{}{}", prefix, kSuffix);
    prefix += '-';
  }
  return path;
}

void place(CgroupRecord& record, const Hierarchies& host, const std::string& path) {
  record.mode = host.mode;
  record.directories.reserve(host.all.size());
  for (const Hierarchy& each : host.all) {
    std::string directory;
    if (path[0] == '/')
      directory = each.mount_point + path;
    else if (host.mode == HostFacts::Cgroup::kV2)
      directory = fmt::format("{}/{}", parent_of(each), path);
    else
      directory = fmt::format("{}/{}", each.own_directory(), path);
    // Version 2 comes last and has the say: the path is compared with its line of
    // /proc/self/cgroup.
    std::string path_there = kernel_path(each, directory);
    if (record.path.empty() || each.v2()) record.path = path_there;
    record.directories.push_back({each.controllers, std::move(directory), std::move(path_there)});
  }
}

bool serves(const CgroupRecord::Directory& each, std::string_view controller) {
  return !each.controllers.empty() && lists(each.controllers, controller);
}

const CgroupRecord::Directory* find_controller(const CgroupRecord& record,
                                               std::string_view controller) {
  for (const auto& each : record.directories)
    if (serves(each, controller)) return &each;
  return nullptr;
}

const CgroupRecord::Directory* find_v2(const CgroupRecord& record) {
  if (record.directories.empty() || !record.directories.back().controllers.empty()) return nullptr;
  return &record.directories.back();
}

}  // namespace holdfast::cgroup
