#include "core/plan/sysctl.h"

#include <unistd.h>

#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"

namespace holdfast {

Result<> set_sysctl(const DirFd& procfs, const std::string& name, const std::string& value) {
  HF_TRY(const std::string path, sysctl_path(name));
  HF_TRY(Fd file, with_context(open_proc(procfs, "sys/" + path, O_WRONLY), "set sysctl {}", name));
  const ssize_t put = ::write(file.get(), value.data(), value.size());
  if (put < 0) return os_error("set sysctl {} to {}", name, value);
  // Parameters that take one page at most answer with a short count.
  if (put != std::ssize(value)) return error("set sysctl {} to {}: not taken whole", name, value);
  return {};
}

}  // namespace holdfast
