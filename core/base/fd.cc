#include "core/base/fd.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace holdfast {

Fd::~Fd() {
  if (raw_ >= 0) ::close(raw_);
}

Result<Fd> Fd::dup() const {
  Fd copy(::fcntl(raw_, F_DUPFD_CLOEXEC, 3));
  if (!copy) return os_error("duplicate a descriptor");
  return copy;
}

Result<DirFd> DirFd::open(const std::string& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return os_error("open {}", path);
  return DirFd(std::move(fd));
}

Result<Fd> DirFd::open_at(const std::string& name, int flags, mode_t mode) const {
  Fd fd(::openat(get(), name.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return os_error("open {}", name);
  return fd;
}

Result<DirFd> DirFd::open_dir(const std::string& name, int flags) const {
  HF_TRY(Fd fd, open_at(name, flags | O_DIRECTORY));
  return DirFd(std::move(fd));
}

Result<Fd> DirFd::open_resolved(const std::string& path, int flags, Resolve how,
                                mode_t mode) const {
  open_how request{};
  request.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  request.mode = mode;
  request.resolve = how.flags;
  for (int attempt = 0; attempt < 64; ++attempt) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, get(), path.c_str(), &request, sizeof request)));
    if (fd) return fd;
    // EAGAIN: a rename or mount elsewhere raced with "..": openat2(2) says to try again.
    if (errno != EAGAIN) break;
  }
  return os_error("open {}", path);
}

Result<std::string> DirFd::read(const std::string& name, size_t limit) const {
  HF_TRY(Fd fd, open_at(name, O_RDONLY));
  return with_context(read_all(fd, limit), "read {}", name);
}

Result<> DirFd::write(const std::string& name, std::string_view text) const {
  HF_TRY(Fd fd, open_at(name, O_WRONLY));
  if (::write(fd.get(), text.data(), text.size()) != std::ssize(text))
    return os_error("write {}", name);
  return {};
}

Result<> DirFd::create(const std::string& name, std::string_view bytes, mode_t mode) const {
  HF_TRY(Fd fd, open_at(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  return with_context(write_all(fd, bytes), "write {}", name);
}

Result<> DirFd::replace(const std::string& name, std::string_view bytes, mode_t mode) const {
  const std::string fresh = fmt::format(".{}.{}", name, ::getpid());
  HF_DO(unlink(fresh));
  if (auto done = create(fresh, bytes, mode); !done) {
    (void)unlink(fresh);
    return done;
  }
  if (::renameat(get(), fresh.c_str(), get(), name.c_str()) != 0)
    return os_error("replace {}", name);
  return {};
}

Result<> DirFd::mkdir(const std::string& name, mode_t mode) const {
  if (::mkdirat(get(), name.c_str(), mode) != 0) return os_error("mkdir {}", name);
  return {};
}

Result<> DirFd::unlink(const std::string& name) const {
  if (::unlinkat(get(), name.c_str(), 0) != 0 && errno != ENOENT)
    return os_error("remove {}", name);
  return {};
}

Result<> DirFd::rmdir(const std::string& name) const {
  if (::unlinkat(get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return os_error("rmdir {}", name);
  return {};
}

Result<> DirFd::remove_tree(const std::string& name) const {
  if (::unlinkat(get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return os_error("remove {}", name);
  HF_TRY(DirFd child, open_dir(name, O_RDONLY | O_NOFOLLOW));
  HF_TRY(auto names, child.list());
  for (const auto& each : names) HF_DO(with_context(child.remove_tree(each), "{}", name));
  return rmdir(name);
}

bool DirFd::exists(const std::string& name) const {
  return ::faccessat(get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<std::vector<std::string>> DirFd::list() const {
  // A descriptor of its own, so that the position of ours stays where it is.
  const int raw = ::openat(get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (raw < 0) return os_error("list a directory");
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(raw), &::closedir);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> read_all(const Fd& fd, size_t limit) {
  std::string text;
  struct stat info {};
  if (::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode))
    text.reserve(std::min(limit, static_cast<size_t>(info.st_size)) + 1);
  char block[16384];
  while (true) {
    const ssize_t got = ::read(fd.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read");
    if (got == 0) return text;
    if (text.size() + static_cast<size_t>(got) > limit) return error("larger than {} bytes", limit);
    text.append(block, static_cast<size_t>(got));
  }
}

Result<> write_all(const Fd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return os_error("write");
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

Result<std::string> read_file(const std::string& path, size_t limit) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return os_error("open {}", path);
  return with_context(read_all(fd, limit), "read {}", path);
}

}  // namespace holdfast
