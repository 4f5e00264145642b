// What a path that a mount binds leads to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "profiles/policy/resolve.h"

namespace holdfast {

// Files and directories by device and inode, with the directories above them.
class KnownFiles {
 public:
  // Those that do not exist are nobody's.
  template <class Paths>
  explicit KnownFiles(const Paths& paths) {
    for (const auto& each : paths) add(std::string(each));
  }

  // What a file would be called by way of them: it or a directory that it is in may be one of them under
  // another name (a bind mount, a hard link, a link of the host's).
  std::vector<std::string> names_of(const MountSource& file) const;

 private:
  struct Known {
    FileIdentity file;
    std::string name;
  };
  void add(std::string path);

  std::vector<Known> known_;
};

// One look at the path, by a descriptor: names and identity are of one and the same file, whatever becomes
// of the path meanwhile. Nothing: it does not exist, or may not be looked at.
std::optional<MountSource> look_at_source(const std::string& path);

}  // namespace holdfast
