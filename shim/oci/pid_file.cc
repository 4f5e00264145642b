#include "shim/oci/pid_file.h"

#include <unistd.h>

#include "sandbox/kernel/unix_socket.h"

namespace holdfast {

Result<> write_pid_file(const std::string& path, pid_t pid) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  const std::string fresh =
      fmt::format("{}.{}.{}", directory, path.substr(directory.size()), ::getpid());
  Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file) return os_error("pid file {}", path);
  auto written = write_all(file, fmt::format("{}", pid));
  if (written && ::rename(fresh.c_str(), path.c_str()) == 0) return {};
  if (written) written = os_error("rename");
  ::unlink(fresh.c_str());
  return with_context(std::move(written), "pid file {}", path);
}

Result<> send_pidfd(const std::string& path, const Fd& pidfd) {
  const auto sent = [&]() -> Result<> {
    HF_TRY(const Fd socket, connect_unix(path));
    return send_descriptor(socket, pidfd, "pidfd");
  };
  return with_context(sent(), "pidfd socket");
}

}  // namespace holdfast
