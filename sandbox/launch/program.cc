#include "sandbox/launch/program.h"

#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace holdfast {

namespace {

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::optional<std::string_view> variable(const std::vector<std::string>& env,
                                         std::string_view name) {
  for (const auto& entry : env)
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name))
      return std::string_view(entry).substr(name.size() + 1);
  return std::nullopt;
}

// 0, or the errno for which `path` cannot be executed by the current user.
int executable(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno;
  if (S_ISDIR(info.st_mode)) return EACCES;  // as execve says, and engines expect
  if (::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0) return errno;
  // Root passes access(2) with any x bit; without one execve says EACCES.
  return (info.st_mode & 0111) == 0 ? EACCES : 0;
}

// Opens `path`, making the component that it is missing below `parent`.
Result<Fd> open_or_make(const DirFd& root, const Fd& parent, const std::string& path,
                        const std::string& name) {
  auto found = root.open_resolved(path, O_PATH | O_DIRECTORY, kInRoot);
  if (found || found.error().code != ENOENT) return found;
  if (::mkdirat(parent ? parent.get() : root.get(), name.c_str(), 0755) != 0 && errno != EEXIST)
    return os_error("mkdir {}", path);
  return root.open_resolved(path, O_PATH | O_DIRECTORY, kInRoot);
}

// The directory `path`; what is missing of it is made, each component below the one before.
Result<Fd> open_directories(const DirFd& root, const std::string& path) {
  auto found = root.open_resolved(path, O_PATH | O_DIRECTORY, kInRoot);
  if (found || found.error().code != ENOENT) return found;
  std::string done = ".";
  Fd last;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return error("{} holds ..", path);
    const std::string name(part);
    done += "/" + name;
    HF_TRY(last, open_or_make(root, last, done, name));
  }
  return last;
}

}  // namespace

Result<std::string> find_program(const std::string& name, const std::vector<std::string>& env) {
  if (name.find('/') != std::string::npos) {
    const int code = executable(name);
    if (code == 0) return name;
    if (code == ENOENT || code == ENOTDIR)
      return os_error_of(code, "exec: \"{}\": stat {}", name, name);
    return os_error_of(code, "exec: \"{}\"", name);
  }
  bool denied = false;
  for (const auto directory : split(variable(env, "PATH").value_or(kDefaultPath), ':')) {
    const std::string path = fmt::format("{}/{}", directory.empty() ? "." : directory, name);
    const int code = executable(path);
    if (code == 0) return path;
    denied = denied || code == EACCES;
  }
  if (denied) return os_error_of(EACCES, "exec: \"{}\"", name);
  return error("exec: \"{}\": executable file not found in $PATH", name);
}

std::string home_directory(std::string_view passwd, uint32_t uid) {
  for (const auto line : split(passwd, '\n')) {
    const auto fields = split(line, ':');  // name:password:uid:gid:gecos:home:shell
    if (fields.size() < 6 || parse_number<uint32_t>(fields[2]) != uid) continue;
    return fields[5].empty() ? "/" : std::string(fields[5]);
  }
  return "/";
}

void add_home(std::vector<std::string>& env, uint32_t uid, const DirFd& root) {
  constexpr size_t kMaxPasswd = 1 << 20;
  if (const auto home = variable(env, "HOME"); home && !home->empty()) return;
  // The image's file: absent, too large or malformed means that the user has no entry.
  std::string passwd;
  // O_NONBLOCK: an image may put a FIFO there.
  if (auto file = root.open_resolved("etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, kInRoot)) {
    struct stat info {};
    if (::fstat(file->get(), &info) == 0 && S_ISREG(info.st_mode))
      if (auto text = read_all(*file, kMaxPasswd)) passwd = std::move(*text);
  }
  std::erase_if(env, [](const std::string& entry) { return entry.starts_with("HOME="); });
  env.push_back("HOME=" + home_directory(passwd, uid));
}

Result<bool> enter_directory(const DirFd& root, const std::string& cwd) {
  const auto dir = open_directories(root, cwd);
  if (!dir && dir.error().code == EACCES) return false;
  if (!dir) return Failure(Error(dir.error()).wrap("working directory"));
  if (::fchdir(dir->get()) == 0) return true;
  if (errno == EACCES) return false;
  return os_error("working directory {}", cwd);
}

Result<> verify_directory() {
  char path[PATH_MAX + 1];
  if (::syscall(SYS_getcwd, path, sizeof path) < 0) return os_error("working directory");
  // The kernel writes "(unreachable)/..." for one outside of the root.
  if (path[0] != '/') return error("working directory: outside of the container's root");
  return {};
}

}  // namespace holdfast
