#include "shim/oci/mount_source.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "core/base/fd.h"
#include "profiles/policy/mount_rules.h"

namespace holdfast {
namespace {

FileIdentity identity_of(const struct stat& info) {
  return {major(info.st_dev), minor(info.st_dev), info.st_ino};
}

bool same_file(const FileIdentity& a, const FileIdentity& b) {
  return a.inode == b.inode && a.device_major == b.device_major && a.device_minor == b.device_minor;
}

std::string above(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == path.npos ? "/" : path.substr(0, slash);
}

// Nothing of the engines' is looked for where a path already says whose it is.
std::vector<std::string> engine_names(const MountSource& source) {
  if (classify_source(source.real_path) != SourceKind::kOrdinary) return {};
  static const KnownFiles engines(engine_paths());
  return engines.names_of(source);
}

}  // namespace

void KnownFiles::add(std::string path) {
  // The top of all is known by its name.
  for (; path.size() > 1; path = above(path)) {
    const bool known = std::any_of(known_.begin(), known_.end(),
                                   [&](const Known& each) { return each.name == path; });
    if (known) return;
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) known_.push_back({identity_of(info), path});
  }
}

std::vector<std::string> KnownFiles::names_of(const MountSource& file) const {
  std::vector<std::string> names;
  FileIdentity here = file.file;
  for (std::string path = file.real_path; path.size() > 1;) {
    const std::string rest = file.real_path.substr(path.size());
    for (const Known& each : known_) {
      std::string name = each.name + rest;
      if (same_file(each.file, here) && name != file.real_path &&
          std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(std::move(name));
    }
    path = above(path);
    struct stat info {};
    if (path.size() <= 1 || ::stat(path.c_str(), &info) != 0) break;
    here = identity_of(info);
  }
  return names;
}

std::optional<MountSource> look_at_source(const std::string& path) {
  const Fd file(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return std::nullopt;
  char real[PATH_MAX];
  const std::string link = fmt::format("/proc/self/fd/{}", file.get());
  const ssize_t length = ::readlink(link.c_str(), real, sizeof real);
  if (length <= 0 || length == sizeof real) return std::nullopt;
  MountSource source;
  source.real_path.assign(real, static_cast<size_t>(length));
  source.file = identity_of(info);
  source.other_names = engine_names(source);
  return source;
}

}  // namespace holdfast
