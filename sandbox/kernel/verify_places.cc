// examine_namespaces and examine_cgroups: where the process is.
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/user_namespace.h"
#include "sandbox/kernel/verify_internal.h"

namespace holdfast::verify {
namespace {

using Ids = std::map<std::string, std::string>;

// "net:[4026531840]" of /proc/PID/ns/net; empty: no such namespace in this kernel.
Result<std::string> namespace_of(const DirFd& links, const std::string& type) {
  char text[64];
  const ssize_t size = ::readlinkat(links.get(), type.c_str(), text, sizeof text);
  if (size < 0 && errno == ENOENT) return std::string();
  if (size < 0) return os_error("read ns/{}", type);
  return std::string(text, static_cast<size_t>(size));
}

Result<DirFd> links_of(const DirFd& procfs, const std::string& process) {
  HF_TRY(Fd links, open_proc(procfs, process + "/ns", O_PATH | O_DIRECTORY));
  return DirFd(std::move(links));
}

// What it must be the same as, and why: its path's, or the first process's.
struct Joined {
  std::string id, whose;
};
Result<Joined> joined(const Examinee& subject, const oci::Namespace& ns, const std::string& type,
                      const DirFd& of_init) {
  if (subject.init > 0) {
    HF_TRY(std::string id, namespace_of(of_init, type));
    return Joined{std::move(id), "the container's"};
  }
  if (subject.namespaces) {
    const auto before = subject.namespaces->find(type);
    if (before == subject.namespaces->end()) return Joined{};
    return Joined{before->second, "that of its start"};
  }
  if (ns.path.empty()) return Joined{};
  struct stat info {};
  if (ns.type == oci::NamespaceType::kUser) {
    // Of another type's path it is the one that owns that namespace.
    HF_TRY(const Fd user, open_user_namespace(ns.path));
    if (::fstat(user.get(), &info) != 0) return os_error("namespace {}", ns.path);
  } else if (::stat(ns.path.c_str(), &info) != 0) {
    return os_error("namespace {}", ns.path);
  }
  return Joined{fmt::format("{}:[{}]", type, info.st_ino), ns.path};
}

// The line of a hierarchy in /proc/PID/cgroup: "4:memory:/docker/3f2a".
std::optional<std::string_view> path_in(const std::vector<std::string_view>& lines,
                                        std::string_view controllers) {
  for (const std::string_view line : lines) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    if (line.substr(first + 1, second - first - 1) == controllers) return line.substr(second + 1);
  }
  return std::nullopt;
}

bool is_at_or_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.starts_with('/');
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

// Seen from a cgroup namespace a path that lies outside climbs first, by as many as only the kernel
// knows: what follows is compared.
bool is_in(std::string_view path, std::string_view directory) {
  if (!path.starts_with("/../")) return is_at_or_below(path, directory);
  while (path.starts_with("/../")) path.remove_prefix(3);
  return is_at_or_below(path, directory) || directory.ends_with(path);
}

Result<> compare_namespaces(Findings& found, const Examinee& subject, const DirFd& procfs) {
  HF_TRY(const DirFd its, links_of(procfs, fmt::format("{}", subject.pid)));
  HF_TRY(const DirFd ours, links_of(procfs, fmt::format("{}", ::getpid())));
  DirFd of_init;
  if (subject.init > 0) {
    HF_TRY(of_init, links_of(procfs, fmt::format("{}", subject.init)));
  }
  for (const oci::Namespace& each : subject.plan.namespaces) {
    const std::string type(oci::proc_name(each.type));
    HF_TRY(std::string id, namespace_of(its, type));
    HF_TRY(const Joined same, joined(subject, each, type, of_init));
    if (!same.id.empty()) {
      if (id != same.id) found.differ("{} instead of {}, {}", id, same.id, same.whose);
    } else if (each.path.empty()) {
      HF_TRY(const std::string own, namespace_of(ours, type));
      if (id == own) found.differ("{} is the runtime's own", id);
    }
    found.namespaces.emplace(type, std::move(id));
  }
  return {};
}

}  // namespace

Result<> examine_namespaces(Findings& found, const Examinee& subject, const DirFd& procfs) {
  if (subject.plan.namespaces.empty()) return {};
  found.begin("namespaces");
  return unless_unseen(found, subject, compare_namespaces(found, subject, procfs));
}

Result<> examine_cgroups(Findings& found, const Examinee& subject, const DirFd& procfs) {
  if (!subject.cgroups || subject.cgroups->directories.empty()) return {};
  found.begin("cgroups");
  HF_TRY(const std::string text, read_proc(procfs, fmt::format("{}/cgroup", subject.pid)));
  const auto lines = split(text, '\n');
  for (const CgroupRecord::Directory& each : subject.cgroups->directories) {
    if (each.path.empty()) continue;
    const auto path = path_in(lines, each.controllers);
    if (!path || !is_in(*path, each.path))
      found.differ("cgroup {}{}{} instead of {}", each.controllers,
                   each.controllers.empty() ? "" : " ", path.value_or("unknown"), each.path);
  }
  // A further process is under the same program.
  if (subject.init > 0) return {};
  auto devices = compare_devices(*subject.cgroups, subject.plan.cgroup.resources.devices,
                                 subject.moment == Moment::kRunning);
  if (!devices) return unless_unseen(found, subject, Failure(std::move(devices).error()));
  if (!devices->empty()) found.differ("{}", *devices);
  return {};
}

}  // namespace holdfast::verify
