#include "sandbox/kernel/cgroup/hierarchy.h"

#include <unistd.h>

#include "core/base/fd.h"

namespace holdfast::cgroup {
namespace {

constexpr std::string_view kUsualPlace = "/sys/fs/cgroup";

bool below(std::string_view path, std::string_view directory) {
  return path.substr(0, directory.size()) == directory &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

// Undoes the octal escapes of mountinfo: "\040" is a blank.
std::string unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      if (const auto code = parse_number<unsigned>(text.substr(i + 1, 3), 8); code && *code < 256) {
        plain += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    plain += text[i];
  }
  return plain;
}

std::string_view next_word(std::string_view& rest) {
  const size_t blank = rest.find(' ');
  const std::string_view word = rest.substr(0, blank);
  rest = blank == std::string_view::npos ? std::string_view{} : rest.substr(blank + 1);
  return word;
}

// Reads the file in the kernel's own pieces and stops as soon as `take` has enough: a host with
// many containers has a long mount table, and its cgroup mounts stand near the beginning.
template <class Take>
Result<> each_line(const char* path, Take take) {
  const Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return os_error("open {}", path);
  std::string rest;
  char block[8192];
  while (true) {
    const ssize_t got = ::read(fd.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read {}", path);
    if (got == 0) return {};
    rest.append(block, static_cast<size_t>(got));
    size_t begin = 0;
    for (size_t end; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1)
      if (!take(std::string_view(rest).substr(begin, end - begin))) return {};
    rest.erase(0, begin);
  }
}

}  // namespace

bool lists(std::string_view list, std::string_view name, char separator) {
  while (true) {
    const size_t end = list.find(separator);
    if (list.substr(0, end) == name) return true;
    if (end == std::string_view::npos) return false;
    list.remove_prefix(end + 1);
  }
}

bool Hierarchy::has(std::string_view controller) const {
  return !v2() && lists(controllers, controller);
}

std::string Hierarchy::own_directory() const {
  std::string_view path = own;
  // In a nested container without a cgroup namespace the kernel tells the host's path, of which
  // only the part below the mounted cgroup exists here.
  if (mount_root != "/" && below(path, mount_root)) path.remove_prefix(mount_root.size());
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return fmt::format("{}{}", mount_point, path);
}

HierarchyParser::HierarchyParser(std::string_view self_cgroup) {
  for (const std::string_view each : split(self_cgroup, '\n')) {
    const size_t first = each.find(':');
    if (first == std::string_view::npos) continue;
    const size_t second = each.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    Hierarchy hierarchy;
    hierarchy.controllers = each.substr(first + 1, second - first - 1);
    hierarchy.own = each.substr(second + 1);
    known_.push_back(std::move(hierarchy));
  }
}

bool HierarchyParser::wants_more() const {
  for (const Hierarchy& each : known_)
    if (!below(each.mount_point, kUsualPlace)) return true;
  return false;
}

bool HierarchyParser::line(std::string_view text) {
  // id parent major:minor root mount-point options [optional...] - type source super-options
  const size_t dash = text.find(" - cgroup");
  if (dash == std::string_view::npos) return true;
  std::string_view tail = text.substr(dash + 3);
  const std::string_view type = next_word(tail);
  if (type != "cgroup" && type != "cgroup2") return true;
  next_word(tail);
  for (int skipped = 0; skipped < 3; ++skipped) next_word(text);
  const std::string_view root = next_word(text);
  const std::string_view mount_point = next_word(text);
  for (Hierarchy& each : known_) {
    if (each.v2() != (type == "cgroup2")) continue;
    const std::string_view name =
        std::string_view(each.controllers).substr(0, each.controllers.find(','));
    if (!each.v2() && !lists(tail, name)) continue;
    std::string place = unescape(mount_point);
    if (each.mount_point.empty() ||
        (!below(each.mount_point, kUsualPlace) && below(place, kUsualPlace))) {
      each.mount_point = std::move(place);
      each.mount_root = unescape(root);
    }
    break;
  }
  return wants_more();
}

Hierarchies HierarchyParser::finish() && {
  Hierarchies found;
  bool controllers = false, unified = false;
  for (const Hierarchy& each : known_) {
    if (each.mount_point.empty()) continue;
    if (each.v2())
      unified = true;
    else if (each.controllers.substr(0, 5) != "name=")
      controllers = true;
  }
  if (controllers)
    found.mode = unified ? HostFacts::Cgroup::kHybrid : HostFacts::Cgroup::kV1;
  else if (unified)
    found.mode = HostFacts::Cgroup::kV2;
  for (int pass = 0; pass < 2; ++pass) {
    for (Hierarchy& each : known_) {
      if (each.mount_point.empty() || each.v2() != (pass == 1)) continue;
      // On version 2 a named hierarchy of version 1 is somebody's own: no container belongs there.
      if (found.mode == HostFacts::Cgroup::kV2 && !each.v2()) continue;
      found.all.push_back(std::move(each));
    }
  }
  if (found.mode == HostFacts::Cgroup::kNone) found.all.clear();
  return found;
}

Result<Hierarchies> read_hierarchies() {
  auto own = read_file("/proc/self/cgroup");
  if (!own) {
    if (own.error().code == ENOENT) return Hierarchies{};  // a kernel without cgroups
    return Failure(std::move(own).error());
  }
  HierarchyParser parser(*own);
  HF_DO(
      each_line("/proc/self/mountinfo", [&](std::string_view text) { return parser.line(text); }));
  return std::move(parser).finish();
}

}  // namespace holdfast::cgroup
