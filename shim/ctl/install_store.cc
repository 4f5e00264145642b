#include "shim/ctl/install_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "core/base/digest.h"
#include "core/json/codec.h"

namespace holdfast::ctl {
namespace {

constexpr size_t kMaxFile = 4 << 20;

std::string relative(const std::string& path) { return path.substr(1); }
std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Result<> check_safe(const Fd& fd, const std::string& path, struct stat& info) {
  if (::fstat(fd.get(), &info) != 0) return os_error("stat {}", path);
  if (info.st_uid != 0 && info.st_uid != ::geteuid())
    return error("{}: it belongs to uid {}", path, info.st_uid);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return error("{}: others can write to it", path);
  return {};
}

Result<DirFd> open_parent(const DirFd& root, const std::string& path) {
  const std::string parent = parent_of(path);
  const std::string below = parent.empty() ? "." : relative(parent);
  HF_TRY(Fd fd, root.open_resolved(below, O_RDONLY | O_DIRECTORY, kInRoot));
  struct stat info {};
  HF_DO(check_safe(fd, parent, info));
  return DirFd(std::move(fd));
}

// Makes what is missing of a directory's path; the names of what was made.
Result<std::vector<std::string>> make_directories(const DirFd& root, const std::string& path) {
  std::vector<std::string> made;
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const std::string part = path.substr(0, at);
    auto there = root.open_resolved(relative(part), O_PATH | O_DIRECTORY, kInRoot);
    if (there) continue;
    if (there.error().code != ENOENT) return Failure(std::move(there).error());
    HF_TRY(const DirFd parent, open_parent(root, part));
    HF_DO(parent.mkdir(name_of(part), 0755));
    made.push_back(part);
  }
  return made;
}

struct Attributes {
  mode_t mode;
  uid_t uid;
  gid_t gid;
};

Result<> replace_file(const DirFd& parent, const std::string& name, std::string_view text,
                      const Attributes& attributes) {
  const std::string fresh = fmt::format(".{}.holdfast-{}", name, ::getpid());
  HF_DO(parent.unlink(fresh));
  const auto fill = [&]() -> Result<> {
    HF_TRY(const Fd fd, parent.open_at(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    HF_DO(with_context(write_all(fd, text), "write {}", fresh));
    if (::fchown(fd.get(), attributes.uid, attributes.gid) != 0) return os_error("chown {}", name);
    if (::fchmod(fd.get(), attributes.mode) != 0) return os_error("chmod {}", name);
    if (::fsync(fd.get()) != 0) return os_error("sync {}", name);
    if (::renameat(parent.get(), fresh.c_str(), parent.get(), name.c_str()) != 0)
      return os_error("rename to {}", name);
    return {};
  };
  auto filled = fill();
  if (!filled) {
    (void)parent.unlink(fresh);
    return filled;
  }
  if (::fsync(parent.get()) != 0) return os_error("sync the directory of {}", name);
  return {};
}

std::string user_directory(const char* variable, const char* otherwise) {
  if (const char* set = ::getenv(variable); set && *set == '/') return set;
  const char* home = ::getenv("HOME");
  return home && *home == '/' ? std::string(home) + otherwise : "";
}

}  // namespace

template <class V>
void describe(V& v, InstallRecord& r) {
  v.required("version", r.version);
  v.required("engine", r.engine);
  v.required("path", r.path);
  v.always("existed", r.existed);
  v.field("before", r.before);
  v.required("after", r.after);
  v.field("directories", r.directories);
  v.check(r.version == 1, "version", "written by a newer release");
}

namespace {

Result<> write_record(const DirFd& records, const std::string& name, const InstallRecord& record) {
  return replace_file(records, name, json::encode(record, json::Layout::kPretty) + "\n",
                      {0600, ::geteuid(), ::getegid()});
}

}  // namespace

Result<InstallStore> InstallStore::open(const std::string& root, const EngineSetup& setup) {
  HF_TRY(DirFd directory, DirFd::open(root));
  const bool own = ::geteuid() != 0 && root == "/";
  if (own && setup.user_path.empty()) return error("{} is set up by root alone", setup.name);
  std::string path = "/" + std::string(setup.path), records = "/var/lib/holdfast";
  if (own) {
    const std::string config = user_directory("XDG_CONFIG_HOME", "/.config");
    records = user_directory("XDG_DATA_HOME", "/.local/share");
    if (config.empty() || records.empty()) return error("HOME is not set");
    path = config + "/" + std::string(setup.user_path);
    records += "/holdfast";
  }
  InstallStore store(std::move(directory), std::move(path),
                     fmt::format("{}/install/{}.json", records, setup.name));
  HF_DO(store.load());
  return store;
}

Result<> InstallStore::load() {
  uid_ = ::geteuid();
  gid_ = ::getegid();
  auto record_directory = open_parent(root_, record_path_);
  if (record_directory) {
    auto text = record_directory->read(name_of(record_path_), kMaxFile);
    if (!text && text.error().code != ENOENT) return Failure(std::move(text).error());
    if (text) {
      HF_TRY(record_, with_context(json::decode<InstallRecord>(*text), "{}", record_path_));
    }
  } else if (record_directory.error().code != ENOENT) {
    return Failure(std::move(record_directory).error());
  }
  auto parent = open_parent(root_, path_);
  if (!parent && parent.error().code == ENOENT) return {};
  if (!parent) return Failure(std::move(parent).error());
  auto file = parent->open_at(name_of(path_), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file && file.error().code == ENOENT) return {};
  if (!file && file.error().code == ELOOP)
    return error("{}: it is a symbolic link: set up its target by hand", path_);
  if (!file) return Failure(std::move(file).error());
  struct stat info {};
  HF_DO(check_safe(*file, path_, info));
  if (!S_ISREG(info.st_mode)) return error("{}: it is no file", path_);
  mode_ = info.st_mode & 07777;
  uid_ = info.st_uid;
  gid_ = info.st_gid;
  HF_TRY(current_, with_context(read_all(*file, kMaxFile), "{}", path_));
  return {};
}

bool InstallStore::is_as_installed() const {
  return record_ && current_ && sha256_hex(*current_) == record_->after;
}

Result<> InstallStore::write(const std::string& after, InstallRecord record) {
  std::vector<std::string> made;
  if (record_) made = record_->directories;
  for (const std::string& path : {record_path_, path_}) {
    HF_TRY(const auto more, make_directories(root_, parent_of(path)));
    made.insert(made.end(), more.begin(), more.end());
  }
  record.path = path_;
  record.after = sha256_hex(after);
  record.directories = std::move(made);
  HF_TRY(const DirFd records, open_parent(root_, record_path_));
  HF_DO(write_record(records, name_of(record_path_), record));
  HF_TRY(const DirFd parent, open_parent(root_, path_));
  return replace_file(parent, name_of(path_), after, {mode_, uid_, gid_});
}

Result<> InstallStore::restore(const std::optional<std::string>& text) {
  if (text != current_) {
    HF_TRY(const DirFd parent, open_parent(root_, path_));
    HF_DO(text ? replace_file(parent, name_of(path_), *text, {mode_, uid_, gid_})
               : parent.unlink(name_of(path_)));
  }
  if (!record_) return {};
  {
    HF_TRY(const DirFd records, open_parent(root_, record_path_));
    HF_DO(records.unlink(name_of(record_path_)));
  }
  return remove_directories();
}

// Innermost first. One that another install still needs is that one's to remove.
Result<> InstallStore::remove_directories() {
  std::vector<std::string> left;
  for (auto made = record_->directories.rbegin(); made != record_->directories.rend(); ++made) {
    auto parent = open_parent(root_, *made);
    if (!parent) continue;
    auto gone = parent->rmdir(name_of(*made));
    if (gone) continue;
    if (gone.error().code != ENOTEMPTY && gone.error().code != EEXIST) return gone;
    left.insert(left.begin(), *made);
  }
  return left.empty() ? Result<>{} : hand_over(left);
}

Result<> InstallStore::hand_over(const std::vector<std::string>& directories) {
  auto records = open_parent(root_, record_path_);
  if (!records) return {};
  HF_TRY(const std::vector<std::string> names, records->list());
  for (const std::string& name : names) {
    if (!name.ends_with(".json") || name.starts_with('.')) continue;
    HF_TRY(const std::string text, records->read(name, kMaxFile));
    HF_TRY(InstallRecord other, with_context(json::decode<InstallRecord>(text), "{}", name));
    other.directories.insert(other.directories.begin(), directories.begin(), directories.end());
    return write_record(*records, name, other);
  }
  return {};
}

}  // namespace holdfast::ctl
