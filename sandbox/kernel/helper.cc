#include "sandbox/kernel/helper.h"

#include <unistd.h>

namespace holdfast {

Result<std::string> helper_path(std::string_view name) {
  char self[4096];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  if (length <= 0 || length == sizeof self) return os_error("read /proc/self/exe");
  std::string directory(self, static_cast<size_t>(length));
  directory.resize(directory.rfind('/'));
  for (const std::string& path : {fmt::format("{}/{}", directory, name),
                                  fmt::format("{}/../libexec/holdfast/{}", directory, name)})
    if (::access(path.c_str(), X_OK) == 0) return path;
  return error("the helper {} is neither in {} nor in {}/../libexec/holdfast", name, directory,
               directory);
}

}  // namespace holdfast
