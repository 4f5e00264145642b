#include <linux/magic.h>
#include <selinux/selinux.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

Result<> write_attribute(const DirFd& procfs, const char* name, const std::string& label) {
  // Engines look for the backquoted path to tell a labelling failure from others.
  const std::string words =
      fmt::format("selinux label {}: `/proc/thread-self/attr/{}`", label, name);
  const std::string path = own_proc_path(fmt::format("attr/{}", name));
  HF_TRY(Fd file, with_context(open_proc(procfs, path, O_RDWR), "{}", words));
  // An empty write clears the attribute; so does a lone zero byte, which cannot be taken for no
  // write.
  const size_t size = label.empty() ? 1 : label.size();
  if (::write(file.get(), label.c_str(), size) != static_cast<ssize_t>(size))
    return os_error("{}", words);
  char text[4096];
  const ssize_t got = ::pread(file.get(), text, sizeof text, 0);
  if (got < 0) return os_error("{}", words);
  std::string_view said(text, static_cast<size_t>(got));
  while (said.ends_with('\0') || said.ends_with('\n')) said.remove_suffix(1);
  if (said != label) return error("{} says {}", words, said);
  return {};
}

}  // namespace

bool selinux_enabled() {
  // The library reads several files: only where selinuxfs is mounted at all.
  struct statfs info {};
  if (::statfs("/sys/fs/selinux", &info) != 0 || info.f_type != SELINUX_MAGIC) return false;
  return is_selinux_enabled() > 0;
}

Result<> check_selinux_label(const std::string& label) {
  if (security_check_context(label.c_str()) != 0)
    return os_error("selinux label {}: not known to the loaded policy", label);
  return {};
}

Result<> set_selinux_on_exec(const DirFd& procfs, const std::string& label) {
  if (label.empty()) return {};
  return write_attribute(procfs, "exec", label);
}

Result<> set_selinux_key_label(const DirFd& procfs, const std::string& label) {
  return write_attribute(procfs, "keycreate", label);
}

}  // namespace holdfast
