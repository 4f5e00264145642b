#include <sys/apparmor.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

constexpr const char* kUnconfined = "unconfined";

// Engines look for this wording, with the backquotes, to tell a labelling failure from others.
std::string attribute_in_words(std::string_view name) {
  return fmt::format("`/proc/thread-self/attr/{}`", name);
}

// AppArmor's own attribute (Linux 5.8), else the one that the LSMs share.
Result<Fd> open_exec_attribute(const DirFd& procfs, std::string_view& name) {
  name = "apparmor/exec";
  auto own = open_proc(procfs, own_proc_path("attr/apparmor/exec"), O_RDWR);
  if (own || own.error().code != ENOENT) return own;
  name = "exec";
  return open_proc(procfs, own_proc_path("attr/exec"), O_RDWR);
}

// "b//&a (enforce)" -> {"a", "b"}: a stack may be told in another order than it was written in.
std::vector<std::string> parts_of(std::string_view label) {
  label = trim(label);
  if (label.ends_with(')')) label = trim(label.substr(0, label.rfind('(')));
  std::vector<std::string> parts;
  while (true) {
    const size_t stacked = label.find("//&");
    parts.emplace_back(label.substr(0, stacked));
    if (stacked == std::string_view::npos) break;
    label.remove_prefix(stacked + 3);
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

}  // namespace

bool apparmor_enabled() {
  // The library searches the mount table: only where the module is there at all.
  if (::access("/sys/module/apparmor", F_OK) != 0) return false;
  return aa_is_enabled() == 1;
}

Result<bool> apparmor_profile_loaded(const std::string& profile) {
  char* found = nullptr;
  if (aa_find_mountpoint(&found) != 0) return os_error("find apparmor's file system");
  const std::string path = fmt::format("{}/profiles", found);
  std::free(found);
  HF_TRY(const std::string loaded, read_file(path, 16 << 20));
  const std::string wanted = profile + " (";
  for (const auto line : split(loaded, '\n'))
    if (line.starts_with(wanted)) return true;
  return false;
}

Result<> set_apparmor_on_exec(const DirFd& procfs, const std::string& profile) {
  if (profile.empty()) return {};
  std::string_view name;
  auto opened = open_exec_attribute(procfs, name);
  if (!opened) {
    // Without AppArmor everything is unconfined already.
    if (profile == kUnconfined && opened.error().code == ENOENT) return {};
    return with_context(Result<>(Failure(std::move(opened).error())), "apparmor profile {}: {}",
                        profile, attribute_in_words(name));
  }
  const std::string command = "exec " + profile;
  if (::write(opened->get(), command.data(), command.size()) != std::ssize(command)) {
    const int code = errno;
    // The shared attribute is there without AppArmor, too, and then takes nothing.
    if (profile == kUnconfined && code == EINVAL && !apparmor_enabled()) return {};
    return os_error_of(code, "apparmor profile {}: write {}", profile, attribute_in_words(name));
  }
  char text[4096];
  const ssize_t got = ::pread(opened->get(), text, sizeof text, 0);
  if (got < 0) return os_error("apparmor profile {}: read {}", profile, attribute_in_words(name));
  const std::string_view said(text, static_cast<size_t>(got));
  if (parts_of(said) != parts_of(profile))
    return error("apparmor profile {}: {} says {}", profile, attribute_in_words(name), trim(said));
  return {};
}

}  // namespace holdfast
