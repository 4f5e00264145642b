#include "sandbox/launch/apparmor_loader.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "core/base/digest.h"
#include "sandbox/kernel/apparmor.h"
#include "sandbox/kernel/process.h"
#include "sandbox/launch/cache_directory.h"

namespace holdfast {
namespace {

constexpr size_t kDigest = 64;  // hexadecimal digits of a SHA-256
constexpr size_t kLargest = 4 << 20;

Result<Fd> memory_file(const char* name, std::string_view content = {}) {
  Fd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) return os_error("make a memory file");
  HF_DO(write_all(file, content));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return os_error("rewind a memory file");
  return file;
}

Result<std::string> content_of(const Fd& file) {
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return os_error("rewind a memory file");
  return read_all(file, kLargest);
}

class Spawn {
 public:
  Spawn() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  Result<pid_t> run(const char* path, const std::array<int, 3>& streams) {
    // Descriptors of memory files are above 2 unless our caller closed its own streams.
    for (int i = 0; i < 3; ++i)
      ::posix_spawn_file_actions_adddup2(&actions_, streams[static_cast<size_t>(i)], i);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    ::posix_spawn_file_actions_addchdir_np(&actions_, "/");
    // Nothing is loaded by it, nothing cached: only compiled, to standard output.
    const char* arguments[] = {"apparmor_parser", "--skip-kernel-load", "--skip-cache", "--stdout",
                               nullptr};
    const char* environment[] = {"LC_ALL=C", nullptr};
    pid_t pid = 0;
    const int code =
        ::posix_spawn(&pid, path, &actions_, &attributes_, const_cast<char* const*>(arguments),
                      const_cast<char* const*>(environment));
    if (code != 0) return os_error_of(code, "run {}", path);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

constexpr int kMilliseconds = 60'000;

Result<int> wait_for(pid_t pid) {
  // Our child until it is waited for: the number is its own.
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  if (process && ::poll(&ended, 1, kMilliseconds) == 0) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return os_error("wait for apparmor_parser");
  return status;
}

Result<std::string> compile(const std::string& text) {
  const char* parser = apparmor_parser();
  if (!parser) return error("apparmor_parser is not installed");
  HF_TRY(const Fd input, memory_file("apparmor-text", text));
  HF_TRY(const Fd output, memory_file("apparmor-compiled"));
  HF_TRY(const Fd complaints, memory_file("apparmor-complaints"));
  Spawn spawn;
  HF_TRY(const pid_t pid, spawn.run(parser, {input.get(), output.get(), complaints.get()}));
  HF_TRY(const int status, wait_for(pid));
  HF_TRY(std::string compiled, content_of(output));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !compiled.empty()) return compiled;
  if (WIFSIGNALED(status)) return error("{}: ended by signal {}", parser, WTERMSIG(status));
  HF_TRY(std::string said, content_of(complaints));
  for (char& c : said)
    if (c == '\n') c = ' ';
  return error("{}: {}", parser, said.empty() ? "no output" : trim(said));
}

// `<key>` holds the digest of what follows it, so that half a file is none.
Result<std::string> cached(const DirFd& cache, const std::string& key) {
  HF_TRY(const Fd file, cache.open_at(key, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return os_error("stat {}", key);
  if (!S_ISREG(info.st_mode) || !only_ours(info))
    return error("{} belongs to another user or is writable by others", key);
  HF_TRY(std::string entry, read_all(file, kDigest + kLargest));
  if (entry.size() <= kDigest || sha256_hex(std::string_view(entry).substr(kDigest)) !=
                                     std::string_view(entry).substr(0, kDigest))
    return error("{} does not match its digest", key);
  return entry.substr(kDigest);
}

// Compiled for the kernel that runs: the cache lies in /run, and ends with it. `problem`: why the cache was
// of no use.
Result<std::string> take(const AppArmorProfile& profile, const std::string& root,
                         std::string& problem) {
  const auto cache = open_cache(root);
  if (!cache) {
    problem = cache.error().message;
    return compile(profile.text);
  }
  const std::string key = sha256_hex(profile.text);
  auto found = cached(*cache, key);
  if (found) return found;
  if (found.error().code != ENOENT) problem = found.error().message;
  HF_TRY(std::string compiled, compile(profile.text));
  if (auto kept = cache->replace(key, sha256_hex(compiled) + compiled, 0600); !kept)
    problem = kept.error().message;
  return compiled;
}

Result<std::string> load(const AppArmorProfile& profile, const std::string& cache) {
  HF_TRY(const bool loaded, apparmor_profile_loaded(profile.label));
  std::string problem;
  if (loaded) return problem;
  HF_TRY(const std::string compiled, take(profile, cache, problem));
  HF_DO(load_apparmor_policy(compiled));
  return problem;
}

}  // namespace

Result<std::string> load_apparmor_profile(const AppArmorProfile& profile,
                                          const std::string& cache) {
  if (profile.name.empty()) return std::string();
  return with_context(load(profile, cache), "apparmor profile {}", profile.name);
}

}  // namespace holdfast
