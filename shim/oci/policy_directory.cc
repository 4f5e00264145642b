#include "shim/oci/policy_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "core/base/fd.h"

namespace holdfast {
namespace {

constexpr size_t kMaxFile = 1 << 20;
constexpr size_t kMaxFiles = 256;
constexpr int kAttempts = 400;
constexpr long kPause = 5'000'000;  // ns between them; two seconds in all

// What changes with a file's content, or with the names in a directory.
struct Stamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  timespec modified{}, changed{};

  bool operator==(const Stamp& o) const {
    return device == o.device && inode == o.inode && size == o.size &&
           modified.tv_sec == o.modified.tv_sec && modified.tv_nsec == o.modified.tv_nsec &&
           changed.tv_sec == o.changed.tv_sec && changed.tv_nsec == o.changed.tv_nsec;
  }
};

Stamp stamp_of(const struct stat& info) {
  return {info.st_dev, info.st_ino, info.st_size, info.st_mtim, info.st_ctim};
}

Result<struct stat> examine(const Fd& fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return os_error("stat {}", path);
  return info;
}

Result<> check_owner(const struct stat& info, const std::string& path, uid_t owner) {
  if (info.st_uid != owner)
    return error("{}: it belongs to uid {}, not to {} (chown {} {})", path, info.st_uid, owner,
                 owner, path);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return error("{}: others can write to it (chmod go-w {})", path, path);
  return {};
}

// The content, or nothing where the file is another by now than when it was looked at.
Result<std::optional<std::string>> read_exactly(const Fd& fd, size_t size,
                                                const std::string& path) {
  std::string text(size + 1, '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = ::pread(fd.get(), text.data() + done, text.size() - done, done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read {}", path);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  if (done != size) return std::nullopt;
  text.resize(size);
  return text;
}

// One directory of the policy's, read.
class Folder {
 public:
  Folder(const DirFd& parent, const char* name, std::string path, uid_t owner)
      : parent_(parent), name_(name), path_(std::move(path)), owner_(owner) {}

  bool exists() const { return static_cast<bool>(dir_); }

  // False where something changed while it was read.
  Result<bool> read(std::vector<PolicyText>& texts) {
    texts.clear();
    files_.clear();
    dir_ = DirFd();
    const int raw = ::openat(parent_.get(), name_, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (raw < 0 && errno == ENOENT) return true;
    if (raw < 0) return os_error("open {}", path_);
    dir_ = DirFd(Fd(raw));
    HF_TRY(const struct stat info, examine(dir_, path_));
    HF_DO(check_owner(info, path_, owner_));
    stamp_ = stamp_of(info);
    HF_TRY(const std::vector<std::string> names, dir_.list());
    for (const std::string& name : names) {
      if (name.starts_with('.') || !name.ends_with(".json")) continue;
      if (texts.size() == kMaxFiles) return error("{}: more than {} files", path_, kMaxFiles);
      HF_TRY(const bool whole, read_file(name, texts));
      if (!whole) return false;
    }
    return true;
  }

  // Whether all that was read still stands there under its name.
  bool unchanged() const {
    struct stat info {};
    if (::fstatat(parent_.get(), name_, &info, 0) != 0) return errno == ENOENT && !exists();
    if (!exists() || !(stamp_of(info) == stamp_)) return false;
    return std::all_of(files_.begin(), files_.end(), [](const Entry& entry) {
      struct stat now {};
      return ::fstat(entry.fd.get(), &now) == 0 && stamp_of(now) == entry.stamp;
    });
  }

 private:
  struct Entry {
    Fd fd;
    Stamp stamp;
  };

  Result<bool> read_file(const std::string& name, std::vector<PolicyText>& texts) {
    const std::string path = path_ + "/" + name;
    // O_NONBLOCK: the opening of a FIFO must not wait for its writer.
    Fd fd(::openat(dir_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd && errno == ENOENT) return false;
    if (!fd && errno == ELOOP) return error("{}: a symbolic link; put the file itself there", path);
    if (!fd) return os_error("open {}", path);
    HF_TRY(const struct stat info, examine(fd, path));
    if (!S_ISREG(info.st_mode)) return error("{}: not a regular file", path);
    HF_DO(check_owner(info, path, owner_));
    if (static_cast<size_t>(info.st_size) > kMaxFile)
      return error("{}: larger than {} bytes", path, kMaxFile);
    HF_TRY(auto text, read_exactly(fd, static_cast<size_t>(info.st_size), path));
    if (!text) return false;
    texts.push_back({path, std::move(*text)});
    files_.push_back({std::move(fd), stamp_of(info)});
    return true;
  }

  const DirFd& parent_;
  const char* name_;
  std::string path_;
  uid_t owner_;
  DirFd dir_;
  Stamp stamp_;
  std::vector<Entry> files_;
};

// Somebody may be putting another directory in its place: two renames with nothing in between.
bool is_in_motion(const struct stat& directory) {
  return ::time(nullptr) - directory.st_mtim.tv_sec <= 1;
}

Result<> refuse_old_file(const DirFd& dir, const std::string& directory) {
  struct stat info {};
  if (::fstatat(dir.get(), "policy.json", &info, AT_SYMLINK_NOFOLLOW) != 0) return {};
  return error(
      "{}/policy.json: the policy's place is {}/policy.d/*.json now: write it there as "
      "{{\"apiVersion\": \"holdfast/v1\", \"default\": {{\"profile\": \"baseline\", \"mode\": "
      "\"enforce\"}}}} and remove this file",
      directory, directory);
}

}  // namespace

Result<PolicyTexts> read_policy_directory(const std::string& directory, uid_t owner) {
  PolicyTexts texts;
  auto dir = DirFd::open(directory, O_RDONLY);
  if (!dir && dir.error().code == ENOENT) return texts;
  if (!dir) return Failure(std::move(dir).error());
  HF_TRY(const struct stat info, examine(*dir, directory));
  HF_DO(check_owner(info, directory, owner));
  HF_DO(refuse_old_file(*dir, directory));
  Folder policies(*dir, "policy.d", directory + "/policy.d", owner);
  Folder profiles(*dir, "profiles", directory + "/profiles", owner);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) {
      const timespec pause{0, kPause};
      ::nanosleep(&pause, nullptr);
    }
    HF_TRY(const bool first, policies.read(texts.policies));
    if (!first) continue;
    HF_TRY(const bool second, profiles.read(texts.profiles));
    if (!second || !policies.unchanged() || !profiles.unchanged()) continue;
    HF_TRY(const struct stat now, examine(*dir, directory));
    if (policies.exists() || !is_in_motion(now)) return texts;
  }
  if (!policies.exists()) return texts;
  return error("{}: it changes all the time; put new files in place by rename", directory);
}

}  // namespace holdfast
