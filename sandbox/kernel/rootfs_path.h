// A path inside a rootfs, as a type: nothing takes it but the functions below, which let openat2(2)
// keep the resolution inside the root descriptor. (CVE-2021-30465, CVE-2024-45310 and the class of
// them.)
//
//   const RootPath path("/run/secrets");
//   HF_TRY(Fd file, open_in_root(root, path, O_PATH, Links::kFollow));
//   HF_TRY(Target target, open_target(root, path, TargetKind::kDirectory, Links::kFollow));
//
// The image is the attacker: any component may be a symbolic link, and another container that
// shares the tree may rename and replace components while we work.
#pragma once

#include <string>
#include <string_view>

#include "core/base/fd.h"
#include "sandbox/kernel/mount_api.h"

namespace holdfast {

class RootPath {
 public:
  // Taken as absolute, cleaned lexically: ".." never climbs above the root.
  explicit RootPath(std::string_view path);

  // "/run/secrets", for messages and for comparing.
  const std::string& text() const { return text_; }
  bool is_root() const { return text_.size() == 1; }
  // Strictly below `directory` ("/proc").
  bool is_below(std::string_view directory) const;
  // "/a/b" -> "/a" and "b".
  RootPath parent() const;
  std::string name() const;
  // The same seen from a directory above it: RootPath("/proc/kcore").from("/proc") == "/kcore".
  RootPath from(std::string_view directory) const;

 private:
  friend const char* relative(const RootPath& path);
  std::string text_;
};

enum class Links {
  kFollow,  // followed, but never out of the root
  kRefuse   // no component may be one: /proc, /sys, /dev
};

// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS; the error's text is "open PATH: ...".
Result<Fd> open_in_root(const DirFd& root, const RootPath& path, int flags, Links links);

enum class TargetKind { kDirectory, kFile };

// Where something will be mounted: an O_PATH descriptor (or one of a new file).
struct Target {
  Fd fd;
  Identity identity;
  bool existed = true;
};

// Opens the destination; makes the directories (0755) and the file (0644) that are missing, each
// relative to the descriptor of its parent, and then checks that the path leads to what was made. A
// dangling link leads, inside the root, to what is then made.
Result<Target> open_target(const DirFd& root, const RootPath& path, TargetKind kind, Links links);

// The directory at `path`, made if it is missing.
Result<DirFd> open_or_make_directory(const DirFd& root, const RootPath& path, Links links);

}  // namespace holdfast
