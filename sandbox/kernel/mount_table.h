// The mount table of a process as its mountinfo shows it, and which mount a path leads to.
//
//   HF_TRY(MountTable table, MountTable::parse(std::move(text)));      // /proc/PID/mountinfo
//   const MountEntry* seen = table.at("/proc/sys/kernel");
//   seen->point == "/proc/sys"; seen->flags & MOUNT_ATTR_RDONLY
//
// Of the text alone: a path that leads through symbolic links leads somewhere else than here.
// (statmount(2) would need a call for each mount, and cannot name the root of a tree that was attached
// as a whole: docs/adr/0111.)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace holdfast {

struct MountEntry {
  uint64_t id = 0, parent = 0;
  uint32_t major = 0, minor = 0;  // of its file system
  std::string_view root;          // what of its file system it shows: "/null"
  std::string_view point;         // where, seen from the process's root
  std::string_view type;          // "tmpfs"
  uint64_t flags = 0;             // MOUNT_ATTR_RDONLY, NOSUID, NODEV, NOEXEC, NOSYMFOLLOW, IDMAP

  bool read_only() const;
};

class MountTable {
 public:
  MountTable() = default;
  MountTable(MountTable&&) = default;
  MountTable& operator=(MountTable&&) = default;

  static Result<MountTable> parse(std::string mountinfo);

  // The mount that shows `path` (clean, absolute); nullptr: none does.
  const MountEntry* at(std::string_view path) const;
  // The mount of this id, or nullptr.
  const MountEntry* find(uint64_t id) const;
  // That of the process's root, whatever may be mounted over it.
  const MountEntry& root() const { return *root_; }
  const std::vector<MountEntry>& entries() const { return entries_; }

 private:
  // The entries' texts lie in here, unescaped in place.
  std::unique_ptr<std::string> text_;
  std::vector<MountEntry> entries_;
  const MountEntry* root_ = nullptr;
};

}  // namespace holdfast
