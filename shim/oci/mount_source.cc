#include "shim/oci/mount_source.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <climits>

#include "core/base/fd.h"
#include "profiles/policy/mount_rules.h"

namespace holdfast {
namespace {

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Only what may be another name of it is compared: a socket, or a directory that no rule knows by its path.
std::string alias_of(const struct stat& info, const std::string& real_path) {
  if (!S_ISSOCK(info.st_mode) && !S_ISDIR(info.st_mode)) return {};
  if (classify_source(real_path) != SourceKind::kOrdinary) return {};
  for (const std::string_view path : engine_paths()) {
    struct stat engine {};
    const std::string name(path);
    if (::stat(name.c_str(), &engine) == 0 && same_file(info, engine)) return name;
  }
  return {};
}

}  // namespace

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
  source.file = {major(info.st_dev), minor(info.st_dev), info.st_ino};
  source.alias_of = alias_of(info, source.real_path);
  return source;
}

}  // namespace holdfast
