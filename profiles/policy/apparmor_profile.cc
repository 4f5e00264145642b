#include "profiles/policy/apparmor_profile.h"

#include <linux/capability.h>
#include <sys/mount.h>

#include <algorithm>

#include "core/base/digest.h"
#include "core/plan/capability_names.h"

namespace holdfast {
namespace {

constexpr std::string_view kNamespace = "holdfast";
// 128 bits: nobody finds a weaker plan whose profile has the name of another's.
constexpr size_t kDigits = 32;

// Stands for the profile's own name while its digest is not known yet; no path can hold it.
constexpr std::string_view kOwnName = "@{holdfast}";

bool means_itself(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
         c == '.' || c == '_' || c == '-' || c == '+' || c == ':';
}

// The path in AppArmor's language, where it stands for this one path only: whatever is not known to mean
// itself becomes an octal escape. Empty: not absolute.
std::string literal(std::string_view path) {
  std::string text;
  if (!path.starts_with('/')) return text;
  for (const char c : path) {
    if (c == '/' && text.ends_with('/')) continue;
    if (means_itself(c))
      text += c;
    else
      text += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
  }
  while (text.ends_with('/')) text.pop_back();
  return text;
}

bool is_at_or_beneath(std::string_view path, std::string_view top) {
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

bool is_read_only(const MountPlan& mount) {
  return (mount.attr_set & MOUNT_ATTR_RDONLY) || (mount.superblock_flags & MS_RDONLY);
}

class Text {
 public:
  explicit Text(const Plan& plan) : plan_(plan) {}

  void rule(std::string_view text) {
    text_ += "  ";
    text_ += text;
    text_ += ",\n";
  }

  void deny(std::string_view path, std::string_view access) {
    const std::string name = literal(path);
    if (name.empty()) return;
    // A directory's own path ends with a slash.
    rule(fmt::format("deny {}{{,/}} {}", name, access));
    if (!mounts_beneath(path)) rule(fmt::format("deny {}/** {}", name, access));
  }

  bool mounts_beneath(std::string_view path) const {
    return std::any_of(plan_.mounts.begin(), plan_.mounts.end(), [&](const MountPlan& mount) {
      return mount.destination.size() > path.size() && is_at_or_beneath(mount.destination, path);
    });
  }

  std::string take() { return std::move(text_); }

 private:
  const Plan& plan_;
  std::string text_;
};

void add_capabilities(Text& text, const Plan& plan, bool nested) {
  // Rules about capabilities hold in user namespaces, too, where a nested container has them all. Not the
  // one over AppArmor itself: in a user namespace it may be enough to replace the profiles of the policy
  // namespace that the process is in, and those are ours.
  if (nested) {
    text.rule("capability");
    return text.rule("deny capability mac_admin");
  }
  for (const std::string& name : capability_list(plan.process.capabilities.bounding)) {
    std::string lower(std::string_view(name).substr(name.starts_with("CAP_") ? 4 : 0));
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    text.rule("capability " + lower);
  }
}

void add_network(Text& text, bool nested) {
  text.rule("network");
  text.rule("unix");
  text.rule("dbus");
  text.rule("deny network alg");
  if (!nested) text.rule("deny network vsock");
}

// Within the container; whoever is given the pid namespace of others (a pod's, the host's) is given their
// processes. Who may reach into it is a matter of who asks.
void add_peers(Text& text, const Plan& plan) {
  const oci::Namespace* pids = find_namespace(plan, oci::NamespaceType::kPid);
  if (!pids || !pids->path.empty()) {
    text.rule("signal");
    return text.rule("ptrace");
  }
  text.rule("signal (receive)");
  text.rule(fmt::format("signal (send) peer={}", kOwnName));
  text.rule("ptrace (readby, tracedby)");
  text.rule(fmt::format("ptrace (read, trace) peer={}", kOwnName));
}

// Hidden or read-only by a mount: neither readable where it holds the host's memory or hardware, nor
// writable. An empty file or directory in its place can be looked at.
void add_paths(Text& text, const Plan& plan) {
  static constexpr std::string_view kSealed[] = {"/proc/kcore", "/sys/firmware",
                                                 "/sys/devices/virtual/powercap"};
  for (const std::string& path : plan.masked_paths) {
    const bool sealed =
        std::find(std::begin(kSealed), std::end(kSealed), path) != std::end(kSealed);
    text.deny(path, sealed ? "rwklx" : "wl");
  }
  for (const std::string& path : plan.readonly_paths)
    text.deny(path, path == "/proc/sysrq-trigger" ? "rwklx" : "wl");
}

// sysfs, but for cgroup file systems in it, which may be the container's own.
void add_sysfs(Text& text, const Plan& plan) {
  const MountPlan* sysfs = nullptr;
  for (const MountPlan& mount : plan.mounts) {
    if (mount.destination == "/sys") sysfs = &mount;
    if (mount.destination.starts_with("/sys/") &&
        !is_at_or_beneath(mount.destination, "/sys/fs/cgroup"))
      return;
  }
  if (!sysfs || sysfs->type != "sysfs" || !is_read_only(*sysfs)) return;
  text.rule("deny /sys/[^f]*{,/**} wl");
  text.rule("deny /sys/f[^s]*{,/**} wl");
  text.rule("deny /sys/fs/[^c]*{,/**} wl");
  text.rule("deny /sys/fs/c[^g]*{,/**} wl");
}

// What a read-only root holds and no mount can make writable.
void add_root(Text& text, const Plan& plan) {
  if (!plan.readonly_rootfs) return;
  for (const std::string_view top :
       {"/bin", "/boot", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/media", "/mnt",
        "/opt", "/root", "/sbin", "/srv", "/usr", "/var"}) {
    const bool mounted =
        std::any_of(plan.mounts.begin(), plan.mounts.end(), [&](const MountPlan& mount) {
          return mount.destination == "/" || is_at_or_beneath(mount.destination, top);
        });
    if (!mounted) text.rule(fmt::format("deny {}/{{,**}} wl", top));
  }
}

}  // namespace

AppArmorProfile apparmor_profile(const Plan& plan, AppArmorTraits traits) {
  Text text(plan);
  text.rule("file");
  add_capabilities(text, plan, traits.nested);
  add_network(text, traits.nested);
  // Otherwise no rule of mounts, and what no rule allows is denied.
  const bool mounts =
      traits.nested || (plan.process.capabilities.bounding & (uint64_t{1} << CAP_SYS_ADMIN));
  if (mounts)
    for (const std::string_view rule : {"mount", "umount", "pivot_root"}) text.rule(rule);
  add_peers(text, plan);
  add_paths(text, plan);
  add_sysfs(text, plan);
  add_root(text, plan);
  std::string body = text.take();

  AppArmorProfile profile;
  profile.name = "holdfast-" + sha256_hex(body).substr(0, kDigits);
  profile.label = traits.stacked ? fmt::format(":{}:{}", kNamespace, profile.name) : profile.name;
  for (size_t at; (at = body.find(kOwnName)) != body.npos;)
    body.replace(at, kOwnName.size(), profile.name);
  profile.text = fmt::format("profile {} flags=(attach_disconnected,mediate_deleted) {{\n{}}}\n",
                             profile.label, body);
  return profile;
}

}  // namespace holdfast
