#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/apparmor.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/kernel/apparmor.h"
#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

constexpr const char* kUnconfined = "unconfined";
constexpr const char* kPolicy = "/sys/kernel/security/apparmor";
constexpr const char* kReplace = "/sys/kernel/security/apparmor/.replace";
constexpr const char* kRemove = "/sys/kernel/security/apparmor/.remove";

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

bool is_ours(std::string_view part) {
  if (part.starts_with(":holdfast:")) part.remove_prefix(10);
  return part.starts_with("holdfast-") && part.size() > 9;
}

// The kernel takes a policy in one write only.
Result<> write_policy(const char* path, std::string_view bytes) {
  const Fd file(::open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return os_error("open {}", path);
  struct statfs info {};
  if (::fstatfs(file.get(), &info) != 0) return os_error("{}", path);
  if (info.f_type != SECURITYFS_MAGIC) return error("{}: not a file of securityfs", path);
  if (::write(file.get(), bytes.data(), bytes.size()) != std::ssize(bytes))
    return os_error("write {}", path);
  return {};
}

// What a process runs under; nothing where it has gone.
Result<std::string> label_of(const DirFd& procfs, pid_t pid) {
  auto shown = read_proc(procfs, fmt::format("{}/attr/apparmor/current", pid), 65536);
  if (!shown && shown.error().code == ENOENT)
    shown = read_proc(procfs, fmt::format("{}/attr/current", pid), 65536);
  if (!shown && (shown.error().code == ENOENT || shown.error().code == ESRCH)) return std::string();
  return with_context(std::move(shown), "apparmor label");
}

}  // namespace

bool apparmor_enabled() {
  // The library searches the mount table: only where the module is there at all.
  if (::access("/sys/module/apparmor", F_OK) != 0) return false;
  return aa_is_enabled() == 1;
}

Result<bool> apparmor_profile_loaded(const std::string& profile) {
  HF_TRY(const std::string loaded, read_file(std::string(kPolicy) + "/profiles", 16 << 20));
  const std::string wanted = profile + " (enforce)";
  for (const auto line : split(loaded, '\n'))
    if (line == wanted) return true;
  return false;
}

std::string apparmor_obstacle(const HostFacts& facts) {
  if (facts.euid != 0 || facts.in_user_namespace ||
      !(facts.bounding & (uint64_t{1} << CAP_MAC_ADMIN)))
    return "only root of the host may load AppArmor profiles";
  if (!apparmor_parser())
    return "apparmor_parser, which compiles profiles, is not installed (package apparmor)";
  if (::access(kReplace, W_OK) != 0)
    return fmt::format("{} cannot be written: is securityfs mounted?", kReplace);
  const auto stack = read_file(std::string(kPolicy) + "/features/domain/stack", 64);
  if (!stack || trim(*stack) != "yes") return "this kernel stacks no AppArmor profiles";
  return {};
}

const char* apparmor_parser() {
  for (const char* path : {"/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"})
    if (::access(path, X_OK) == 0) return path;
  return nullptr;
}

Result<> load_apparmor_policy(std::string_view compiled) {
  return write_policy(kReplace, compiled);
}

Result<> unload_apparmor_profile(const std::string& label) {
  // ":holdfast:" alone would be the whole policy namespace.
  if (!is_ours(label)) return error("{} is no profile of holdfast's", label);
  return write_policy(kRemove, label);
}

Result<std::set<std::string>> apparmor_profiles_in_use(const std::set<std::string>& labels) {
  std::set<std::string> used;
  HF_TRY(const DirFd procfs, host_procfs());
  HF_TRY(const auto names, procfs.list());
  for (const std::string& name : names) {
    const auto pid = parse_number<pid_t>(name);
    if (!pid) continue;
    const auto shown = label_of(procfs, *pid);
    if (!shown) return Failure(shown.error());
    for (std::string& part : parts_of(*shown))
      if (labels.contains(part)) used.insert(std::move(part));
  }
  return used;
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

Result<> verify_apparmor(pid_t pid, const std::string& planned) {
  if (planned.empty()) return {};
  std::string ours;
  for (std::string& part : parts_of(planned))
    if (is_ours(part)) ours = std::move(part);
  if (ours.empty()) return {};
  HF_TRY(const DirFd procfs, host_procfs());
  HF_TRY(const std::string shown, label_of(procfs, pid));
  if (shown.empty()) return {};
  const auto parts = parts_of(shown);
  if (std::find(parts.begin(), parts.end(), ours) != parts.end()) return {};
  return error("apparmor label: the kernel shows {} instead of {}", trim(shown), planned);
}

}  // namespace holdfast
