#include "core/plan/sysctl.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace holdfast {
namespace {

constexpr std::array<std::string_view, 8> kIpcParameters{
    "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem",
    "kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced"};

bool is_ipc(std::string_view path) {
  return path.starts_with("fs/mqueue/") ||
         std::find(kIpcParameters.begin(), kIpcParameters.end(), path) != kIpcParameters.end();
}

}  // namespace

Result<std::string> sysctl_path(std::string_view name) {
  std::string path(name);
  const size_t first = name.find_first_of("./");
  if (first != std::string_view::npos && name[first] == '.')
    for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  if (path.find('\0') != std::string::npos) return error("sysctl name with a zero byte");
  const auto parts = split(path, '/');
  if (parts.size() < 2) return error("sysctl {}: not the name of a kernel parameter", name);
  for (const auto part : parts)
    if (part.empty() || part == "." || part == "..")
      return error("sysctl {}: not the name of a kernel parameter", name);
  return path;
}

Result<> validate_sysctl(std::string_view name, const OwnNamespaces& own) {
  HF_TRY(const std::string path, sysctl_path(name));
  if (is_ipc(path)) {
    if (own.ipc) return {};
    return error("sysctl {} is not allowed in the host's ipc namespace", name);
  }
  if (path.starts_with("net/")) {
    if (own.net) return {};
    return error("sysctl {} is not allowed in the host's network namespace", name);
  }
  if (path == "kernel/hostname")
    return error("sysctl {} is not allowed: it conflicts with the field hostname", name);
  if (path == "kernel/domainname") {
    if (own.uts) return {};
    return error("sysctl {} is not allowed in the host's uts namespace", name);
  }
  return error("sysctl {} is not in a separate kernel namespace", name);
}

}  // namespace holdfast
