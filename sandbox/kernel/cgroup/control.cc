#include "sandbox/kernel/cgroup/control.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/kernel/cgroup/place.h"

namespace holdfast::cgroup {
namespace {

Result<> rmdir_quietly(int parent, const char* name) {
  if (::unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  return os_error("rmdir {}", name);
}

bool busy(const Error& failure) { return failure.code == EBUSY || failure.code == ENOTEMPTY; }

// One pass, deepest first: removes what is empty, and says so if something is not.
Result<> remove_pass(const DirFd& parent, const std::string& name) {
  auto gone = rmdir_quietly(parent.get(), name.c_str());
  if (gone || !busy(gone.error())) return gone;
  auto directory = parent.open_dir(name, O_RDONLY | O_NOFOLLOW);
  if (!directory) {
    if (directory.error().code == ENOENT) return {};
    return Failure(std::move(directory.error()));
  }
  struct stat outer {
  }, inner{};
  if (::fstat(parent.get(), &outer) != 0 || ::fstat(directory->get(), &inner) != 0)
    return os_error("stat {}", name);
  if (outer.st_dev != inner.st_dev) return error("{}: another file system is mounted on it", name);
  HF_TRY(auto names, directory->list());
  bool children = false;
  for (const std::string& each : names) {
    struct stat info {};
    if (::fstatat(directory->get(), each.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(info.st_mode))
      continue;
    children = true;
    HF_DO(with_context(remove_pass(*directory, each), "{}", name));
  }
  if (!children) return gone;
  return rmdir_quietly(parent.get(), name.c_str());
}

void pause_for(long microseconds) {
  const timespec time{0, microseconds * 1000};
  ::nanosleep(&time, nullptr);
}

Result<> collect(const DirFd& directory, std::vector<pid_t>& pids) {
  auto text = directory.read("cgroup.procs", 64 << 20);
  if (!text) {
    if (text.error().code == ENOENT || text.error().code == ENODEV) return {};
    // A threaded cgroup of version 2 lists its processes in the root of its domain only.
    if (text.error().code != EOPNOTSUPP) return Failure(std::move(text.error()));
    text = std::string();
  }
  for (const std::string_view each : split(*text, '\n'))
    // 0 stands for a process of a pid namespace that is not below ours.
    if (const auto pid = parse_number<pid_t>(each); pid && *pid > 0) pids.push_back(*pid);
  // A cgroup with nested ones has more than two links.
  struct stat info {};
  if (::fstat(directory.get(), &info) == 0 && info.st_nlink == 2) return {};
  HF_TRY(auto names, directory.list());
  for (const std::string& each : names) {
    auto child = directory.open_dir(each, O_RDONLY | O_NOFOLLOW);
    if (!child) {
      const int code = child.error().code;
      if (code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENODEV) continue;
      return Failure(std::move(child.error()));
    }
    HF_DO(with_context(collect(*child, pids), "{}", each));
  }
  return {};
}

}  // namespace

Result<> write_control(const std::string& directory, std::string_view file,
                       std::string_view value) {
  const std::string path = fmt::format("{}/{}", directory, file);
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return os_error("open {}", path);
  if (::write(fd.get(), value.data(), value.size()) != std::ssize(value))
    return os_error("write {}", path);
  return {};
}

Result<std::optional<std::string>> read_control(const std::string& directory,
                                                std::string_view file) {
  auto text = read_file(fmt::format("{}/{}", directory, file), 4 << 20);
  if (!text) {
    if (text.error().code == ENOENT || text.error().code == ENODEV) return std::nullopt;
    return Failure(std::move(text.error()));
  }
  if (!text->empty() && text->back() == '\n') text->pop_back();
  return std::move(*text);
}

std::optional<uint64_t> keyed(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n'))
    if (line.size() > key.size() && line.substr(0, key.size()) == key && line[key.size()] == ' ')
      return parse_number<uint64_t>(trim(line.substr(key.size() + 1)));
  return std::nullopt;
}

Result<> collect_processes(const std::string& directory, std::vector<pid_t>& pids) {
  auto opened = DirFd::open(directory, O_RDONLY | O_NOFOLLOW);
  if (!opened) {
    if (opened.error().code == ENOENT) return {};
    return Failure(std::move(opened.error()));
  }
  return with_context(collect(*opened, pids), "{}", directory);
}

Result<> remove_directory(const std::string& directory, long& patience) {
  const size_t slash = directory.rfind('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == directory.size())
    return error("remove cgroup {}: not the path of a cgroup", directory);
  // The usual case: it is empty.
  if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return {};
  if (errno != EBUSY && errno != ENOTEMPTY) return os_error("remove cgroup {}", directory);
  auto parent = DirFd::open(directory.substr(0, slash));
  if (!parent) return Failure(std::move(parent.error()));
  const std::string name = directory.substr(slash + 1);
  // A process that was just killed leaves its cgroup some time after it is gone for its parent.
  Result<> gone;
  for (long wait = 500;; wait *= 2) {
    gone = remove_pass(*parent, name);
    if (gone || gone.error().code != EBUSY || patience <= 0) break;
    pause_for(wait);
    patience -= wait;
  }
  return with_context(std::move(gone), "remove cgroup {}", directory);
}

}  // namespace holdfast::cgroup
