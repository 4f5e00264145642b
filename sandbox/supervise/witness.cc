#include "sandbox/supervise/witness.h"

#include <unistd.h>
#include <climits>

#include "core/base/text.h"

namespace holdfast {
namespace {

constexpr size_t kMostParents = 16;
constexpr size_t kMostArguments = 16, kLongestArgument = 256;

std::string read_small(const DirFd& procfs, pid_t pid, const char* file) {
  const Fd fd(::openat(procfs.get(), fmt::format("{}/{}", pid, file).c_str(),
                       O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  char text[4096];
  const ssize_t got = fd ? ::read(fd.get(), text, sizeof text) : -1;
  return got > 0 ? std::string(text, static_cast<size_t>(got)) : std::string();
}

std::string link_at(const DirFd& procfs, const std::string& name) {
  char path[PATH_MAX];
  const ssize_t size = ::readlinkat(procfs.get(), name.c_str(), path, sizeof path);
  return size > 0 ? std::string(path, static_cast<size_t>(size)) : std::string();
}

// The words behind "Uid:" and the like.
std::vector<std::string_view> words_of(std::string_view status, std::string_view name) {
  std::vector<std::string_view> words;
  for (const auto line : split(status, '\n')) {
    if (!line.starts_with(name)) continue;
    for (const auto word : split(line.substr(name.size()), '\t'))
      if (!word.empty()) words.push_back(word);
    break;
  }
  return words;
}

struct Seen {
  ProcessRef process;
  pid_t parent = 0;
  size_t depth = 0;  // of its pid namespace
};

Seen see(const DirFd& procfs, pid_t pid) {
  Seen seen;
  const ProcessStat stat = parse_stat(read_small(procfs, pid, "stat"));
  const std::string status = read_small(procfs, pid, "status");
  const auto uids = words_of(status, "Uid:");
  seen.process.pid = pid;
  seen.process.started = stat.started;
  if (!uids.empty()) seen.process.uid = parse_number<uint32_t>(uids[0]).value_or(0);
  seen.process.exe = program_of(procfs, pid);
  seen.process.args = parse_arguments(read_small(procfs, pid, "cmdline"));
  seen.parent = stat.parent;
  seen.depth = words_of(status, "NSpid:").size();
  return seen;
}

}  // namespace

ProcessStat parse_stat(std::string_view text) {
  const size_t name_end = text.rfind(')');
  if (name_end == text.npos || name_end + 2 > text.size()) return {};
  const auto fields = split(text.substr(name_end + 2), ' ');  // from field 3 on
  ProcessStat stat;
  if (fields.size() > 19) {
    stat.parent = parse_number<pid_t>(fields[1]).value_or(0);
    stat.started = parse_number<uint64_t>(fields[19]).value_or(0);
  }
  return stat;
}

std::vector<std::string> parse_arguments(std::string_view text) {
  if (text.ends_with('\0')) text.remove_suffix(1);
  std::vector<std::string> arguments;
  if (text.empty()) return arguments;
  for (const auto each : split(text, '\0')) {
    if (arguments.size() == kMostArguments) break;
    arguments.emplace_back(each.substr(0, kLongestArgument));
  }
  return arguments;
}

std::string program_of(const DirFd& procfs, pid_t pid) {
  return link_at(procfs, fmt::format("{}/exe", pid));
}

std::string path_of(const DirFd& procfs, int descriptor) {
  return link_at(procfs, fmt::format("self/fd/{}", descriptor));
}

Deed look_at(const DirFd& procfs, pid_t pid, pid_t init) {
  Deed deed;
  size_t depth = 0;
  bool own = false;
  for (pid_t at = pid; at > 0 && deed.processes.size() < kMostParents;) {
    Seen seen = see(procfs, at);
    if (deed.processes.empty()) depth = seen.depth;
    // Who injected a process stands outside of the container.
    if (seen.depth < depth) break;
    deed.processes.push_back(std::move(seen.process));
    if (at == init) {
      own = true;
      break;
    }
    at = seen.parent;
  }
  deed.injected = !own;
  return deed;
}

}  // namespace holdfast
