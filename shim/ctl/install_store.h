// An engine's configuration file and the memory of what it was: read, replaced as a whole, restored.
//
//   HF_TRY(InstallStore store, InstallStore::open("/", setup));
//   store.current(); store.record();               // the file; what an install before had found
//   HF_DO(store.write(after, record));             // the record first, then the file
//   HF_DO(store.restore(record.before));           // the file, then the record and directories that were made
//
// Files are written anew, synced and renamed with the old one's owner and mode; a reader sees the old
// text or the new one. A file or directory that others could change, or a symbolic link in the file's
// place, is refused.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "shim/ctl/engine_setup.h"

namespace holdfast::ctl {

struct InstallRecord {
  int32_t version = 1;
  std::string engine, path;
  bool existed = false;  // the file, with this text
  std::string before;
  std::string after;                     // sha256 of what was written
  std::vector<std::string> directories;  // that had to be made, outermost first
};

class InstallStore {
 public:
  // `root`: what stands for "/". For a user without privileges the user's own directories.
  static Result<InstallStore> open(const std::string& root, const EngineSetup& setup);

  const std::string& path() const { return path_; }  // beneath the root, with a leading "/"
  const std::optional<std::string>& current() const { return current_; }
  const std::optional<InstallRecord>& record() const { return record_; }
  // Whether the file is as the recorded install left it.
  bool is_as_installed() const;

  Result<> write(const std::string& after, InstallRecord record);
  // nullopt: the file goes, and the directories that were made for it, where they are empty.
  Result<> restore(const std::optional<std::string>& text);

 private:
  InstallStore(DirFd root, std::string path, std::string record_path)
      : root_(std::move(root)), path_(std::move(path)), record_path_(std::move(record_path)) {}

  Result<> load();
  Result<> remove_directories();
  Result<> hand_over(const std::vector<std::string>& directories);

  DirFd root_;
  std::string path_, record_path_;
  std::optional<std::string> current_;
  std::optional<InstallRecord> record_;
  mode_t mode_ = 0644;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
};

}  // namespace holdfast::ctl
