#include "sandbox/kernel/rootfs_path.h"

#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "core/plan/mount_options.h"

namespace holdfast {

// The path as openat2 takes it, relative to a root descriptor.
const char* relative(const RootPath& path) { return path.is_root() ? "." : path.text_.c_str() + 1; }

namespace {

// Raw, so that the caller can tell a missing path from a failure without building text.
Fd open_confined(const DirFd& root, const char* path, int flags, Links links) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if (links == Links::kRefuse) how.resolve |= RESOLVE_NO_SYMLINKS;
  // EAGAIN: a rename or mount anywhere raced with the walk (openat2(2)). An attacker can provoke
  // it, so that the number of tries is bounded.
  for (int attempt = 0; attempt < 128; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root.get(), path, &how, sizeof how);
    if (fd >= 0) return Fd(static_cast<int>(fd));
    if (errno != EAGAIN) break;
  }
  return {};
}

Failure link_or_os_error(const RootPath& path, Links links) {
  if (errno == ELOOP && links == Links::kRefuse)
    return os_error_of(ELOOP, "{} must be an ordinary path without symbolic links", path.text());
  return os_error("open {}", path.text());
}

// Makes one directory and opens it: whatever is found under the name must be a directory, not a
// link.
Result<DirFd> make_directory(const DirFd& parent, const std::string& name, const RootPath& whole) {
  if (::mkdirat(parent.get(), name.c_str(), 0755) != 0 && errno != EEXIST)
    return os_error("mkdir {} of {}", name, whole.text());
  Fd made = open_confined(parent, name.c_str(), O_PATH | O_DIRECTORY, Links::kRefuse);
  if (!made) return os_error("open {} of {}", name, whole.text());
  return DirFd(std::move(made));
}

// Where the path would lead if what is missing were there: images have dangling links where engines
// mount (/etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf). Only a guess at a path, made
// by reading links one by one: it is used as any other path, and no component of it may be a link
// any more.
Result<RootPath> guess_target(const DirFd& root, const RootPath& path) {
  constexpr int kLinkLimit = 40;
  std::string done;
  std::string rest = path.text();
  for (int links = 0; !rest.empty();) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string name = rest.substr(0, slash);
    rest.erase(0, slash + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      done.resize(done.empty() ? 0 : done.rfind('/'));
      continue;
    }
    const RootPath next(done + '/' + name);
    const Fd found = open_confined(root, relative(next), O_PATH | O_NOFOLLOW, Links::kFollow);
    if (!found && errno != ENOENT) return os_error("open {}", next.text());
    char value[PATH_MAX];
    const ssize_t length = found ? ::readlinkat(found.get(), "", value, sizeof value) : -1;
    if (length < 0) {  // missing, or no link
      done = next.text();
      continue;
    }
    if (++links > kLinkLimit) return os_error_of(ELOOP, "open {}", path.text());
    if (length > 0 && value[0] == '/') done.clear();
    rest = std::string(value, static_cast<size_t>(length)) + '/' + rest;
  }
  return RootPath(done);
}

// After something was made: does the path, resolved afresh, lead to it?
Result<> confirm(const DirFd& root, const RootPath& path, const Identity& made, Links links) {
  const Fd again = open_confined(root, relative(path), O_PATH, links);
  if (!again) return link_or_os_error(path, links);
  HF_TRY(const Identity found, identify(again));
  if (!found.same_file(made)) return error("{} was replaced while it was made", path.text());
  return {};
}

}  // namespace

RootPath::RootPath(std::string_view path) : text_(clean_path(path)) {}

bool RootPath::is_below(std::string_view directory) const {
  return text_.size() > directory.size() && text_.starts_with(directory) &&
         (directory == "/" || text_[directory.size()] == '/');
}

RootPath RootPath::parent() const {
  return RootPath(std::string_view(text_).substr(0, text_.rfind('/')));
}

std::string RootPath::name() const { return text_.substr(text_.rfind('/') + 1); }

RootPath RootPath::from(std::string_view directory) const {
  return RootPath(is_below(directory) ? std::string_view(text_).substr(directory.size()) : "/");
}

Result<Fd> open_in_root(const DirFd& root, const RootPath& path, int flags, Links links) {
  Fd fd = open_confined(root, relative(path), flags, links);
  if (!fd) return link_or_os_error(path, links);
  return fd;
}

Result<DirFd> open_or_make_directory(const DirFd& root, const RootPath& path, Links links) {
  if (Fd found = open_confined(root, relative(path), O_PATH | O_DIRECTORY, links))
    return DirFd(std::move(found));
  if (errno != ENOENT) return link_or_os_error(path, links);

  // The deepest ancestor that exists is resolved from the root, the rest is made one by one. A
  // dangling link is found by make_directory, which does not follow it.
  if (path.is_root()) return link_or_os_error(path, links);
  HF_TRY(const DirFd parent, open_or_make_directory(root, path.parent(), links));
  HF_TRY(DirFd made, make_directory(parent, path.name(), path));
  return made;
}

namespace {

Result<Target> make_target(const DirFd& root, const RootPath& path, TargetKind kind) {
  Target target;
  target.existed = false;
  if (kind == TargetKind::kDirectory) {
    HF_TRY(target.fd, open_or_make_directory(root, path, Links::kRefuse));
  } else {
    HF_TRY(const DirFd parent, open_or_make_directory(root, path.parent(), Links::kRefuse));
    target.fd = Fd(::openat(parent.get(), path.name().c_str(),
                            O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!target.fd) return os_error("create {}", path.text());
  }
  HF_TRY(target.identity, identify(target.fd));
  HF_DO(confirm(root, path, target.identity, Links::kRefuse));
  return target;
}

}  // namespace

Result<Target> open_target(const DirFd& root, const RootPath& path, TargetKind kind, Links links) {
  Target target;
  target.fd = open_confined(root, relative(path), O_PATH, links);
  if (!target.fd) {
    if (errno != ENOENT) return link_or_os_error(path, links);
    if (links == Links::kRefuse) return make_target(root, path, kind);
    HF_TRY(const RootPath real, guess_target(root, path));
    return make_target(root, real, kind);
  }
  HF_TRY(target.identity, identify(target.fd));
  return target;
}

}  // namespace holdfast
