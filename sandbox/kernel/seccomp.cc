#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/json/writer.h"
#include "sandbox/kernel/process.h"
#include "sandbox/kernel/unix_socket.h"

namespace holdfast {

Result<Fd> load_filter(const Filter& filter, uint32_t flags) {
  if (filter.empty() || filter.size() > BPF_MAXINSNS)
    return error("load seccomp filter: {} instructions, not 1 to {}", filter.size(), BPF_MAXINSNS);
  const bool listens = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
  // With both, a thread that cannot be synchronised is told by ESRCH: the result is the descriptor.
  if (listens && (flags & SECCOMP_FILTER_FLAG_TSYNC)) flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
  sock_fprog program{};
  program.len = static_cast<unsigned short>(filter.size());
  program.filter = const_cast<sock_filter*>(filter.data());
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (result < 0) {
    if (errno == EACCES)
      return os_error("load seccomp filter: needs no_new_privs or CAP_SYS_ADMIN");
    if (errno == EBUSY && listens)
      return os_error("load seccomp filter: another filter has a listener already");
    return os_error("load seccomp filter of {} instructions, flags {:#x}", filter.size(), flags);
  }
  if (listens) return Fd(static_cast<int>(result));
  if (result > 0) return error("load seccomp filter: thread {} cannot take it", result);
  return Fd();
}

std::string listener_document(const std::string& oci_version, pid_t pid,
                              const std::string& metadata, const std::string& state) {
  constexpr size_t kWhole = SIZE_MAX;
  std::string document = fmt::format("{{\"ociVersion\":{},\"fds\":[\"seccompFd\"],\"pid\":{}",
                                     json::quoted(oci_version, kWhole), pid);
  if (!metadata.empty())
    document += fmt::format(",\"metadata\":{}", json::quoted(metadata, kWhole));
  return document + fmt::format(",\"state\":{}}}", trim(state));
}

Result<> send_listener(const std::string& path, const Fd& listener, const std::string& document) {
  HF_TRY(Fd socket, with_context(connect_unix(path), "send seccomp listener"));
  return with_context(send_descriptor(socket, listener, document), "send seccomp listener to {}",
                      path);
}

}  // namespace holdfast
