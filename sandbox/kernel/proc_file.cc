#include "sandbox/kernel/proc_file.h"

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace holdfast {
namespace {

constexpr ino_t kProcRootInode = 1;  // PROC_ROOT_INO of linux/proc_ns.h

bool is_procfs(const Fd& fd) {
  struct statfs info {};
  return ::fstatfs(fd.get(), &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

}  // namespace

Result<Fd> open_proc(const DirFd& procfs, const std::string& path, int flags) {
  HF_TRY(Fd file, procfs.open_resolved(path, flags, kPlain));
  if (!is_procfs(file)) return error("open {}: not a file of procfs", path);
  return file;
}

Result<std::string> read_proc(const DirFd& procfs, const std::string& path, size_t limit) {
  HF_TRY(Fd file, open_proc(procfs, path, O_RDONLY));
  return with_context(read_all(file, limit), "read {}", path);
}

std::string own_proc_path(std::string_view name) { return fmt::format("{}/{}", ::getpid(), name); }

Result<DirFd> host_procfs() {
  HF_TRY(DirFd procfs, DirFd::open("/proc", O_PATH));
  struct stat info {};
  if (!is_procfs(procfs) || ::fstat(procfs.get(), &info) != 0 || info.st_ino != kProcRootInode)
    return error("/proc is not a procfs");
  return procfs;
}

}  // namespace holdfast
