// Descriptors: Fd owns one, DirFd is an Fd of a directory with the *at calls.
//
//   HF_TRY(DirFd bundle, DirFd::open("/run/b"));
//   HF_TRY(std::string text, bundle.read("config.json", 16 << 20));
//   HF_DO(cgroup.write("pids.max", "512"));
//
// Every descriptor is O_CLOEXEC at birth.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace holdfast {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int raw) noexcept : raw_(raw) {}
  Fd(Fd&& other) noexcept : raw_(std::exchange(other.raw_, -1)) {}
  Fd& operator=(Fd other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Fd();

  int get() const { return raw_; }
  explicit operator bool() const { return raw_ >= 0; }
  int release() { return std::exchange(raw_, -1); }

  // A second descriptor of the same open file description.
  Result<Fd> dup() const;

 private:
  int raw_ = -1;
};

// How far openat2 may follow: see openat2(2).
struct Resolve {
  uint64_t flags;
};
inline constexpr Resolve kInRoot{0x10 | 0x02};   // RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
inline constexpr Resolve kBeneath{0x08 | 0x02};  // RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS
// RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV
inline constexpr Resolve kPlain{0x08 | 0x04 | 0x02 | 0x01};

class DirFd : public Fd {
 public:
  DirFd() = default;
  explicit DirFd(Fd fd) noexcept : Fd(std::move(fd)) {}

  // Opens a directory of the host by path (never use it for a path inside a rootfs).
  static Result<DirFd> open(const std::string& path, int flags = O_RDONLY);

  // openat(2); `name` may hold slashes, the caller trusts the tree.
  Result<Fd> open_at(const std::string& name, int flags, mode_t mode = 0) const;
  Result<DirFd> open_dir(const std::string& name, int flags = O_RDONLY) const;
  // openat2(2) with the given resolution.
  Result<Fd> open_resolved(const std::string& path, int flags, Resolve how, mode_t mode = 0) const;

  // The whole file, at most `limit` bytes (more is an error).
  Result<std::string> read(const std::string& name, size_t limit = 1 << 20) const;
  // Writes to an existing file in one write(2), as control files need it.
  Result<> write(const std::string& name, std::string_view text) const;
  // Creates (O_EXCL) a file with these bytes.
  Result<> create(const std::string& name, std::string_view bytes, mode_t mode = 0600) const;
  // Writes a new file and renames it over `name`: a reader sees the old or the new one.
  Result<> replace(const std::string& name, std::string_view bytes, mode_t mode = 0600) const;
  Result<> mkdir(const std::string& name, mode_t mode) const;
  // Removes a file; one that does not exist is no error.
  Result<> unlink(const std::string& name) const;
  // Removes an empty directory; one that does not exist is no error.
  Result<> rmdir(const std::string& name) const;
  // Removes a directory and all in it; does not follow symbolic links.
  Result<> remove_tree(const std::string& name) const;
  bool exists(const std::string& name) const;
  // Names in the directory, without "." and "..", sorted.
  Result<std::vector<std::string>> list() const;
};

// The whole of an open file, at most `limit` bytes.
Result<std::string> read_all(const Fd& fd, size_t limit);
// write(2) until all is written.
Result<> write_all(const Fd& fd, std::string_view bytes);
// A whole file of the host by path.
Result<std::string> read_file(const std::string& path, size_t limit = 1 << 20);

}  // namespace holdfast
