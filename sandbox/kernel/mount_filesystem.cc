#include "sandbox/kernel/mount_filesystem.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include <string_view>

#include "sandbox/kernel/mount_api.h"

namespace holdfast {
namespace {

// fsconfig(2) takes at most 255 bytes of a value.
constexpr size_t kValueLimit = 255;

// fs/fs_context.c: common_set_sb_flag[]. "iversion" is in no table of the kernel's: a file system
// that knows it (ext4 did) takes it as its own option, the others refuse it.
struct FlagName {
  uint64_t flag;
  const char* name;
};
constexpr FlagName kSuperblockFlags[] = {
    {MS_RDONLY, "ro"},     {MS_SYNCHRONOUS, "sync"},  {MS_DIRSYNC, "dirsync"},
    {MS_MANDLOCK, "mand"}, {MS_LAZYTIME, "lazytime"}, {MS_I_VERSION, "iversion"},
};

Failure refused(const Fd& filesystem, std::string_view type, std::string_view step) {
  const int code = errno;
  const std::string said = filesystem_message(filesystem);
  const std::string_view colon = said.empty() ? "" : ": ";
  return os_error_of(code, "{}: {}{}{}", type, step, colon, said);
}

// Why the usual suspects are refused: the bare errno sends people into the wrong direction.
std::string hint(const FilesystemRequest& request, int code) {
  if (code == EPERM && request.type == "sysfs")
    return "create (in a user namespace sysfs needs a network namespace of its own; else bind "
           "/sys)";
  if (code == EPERM && request.type == "proc")
    return "create (in a user namespace procfs needs a pid namespace of its own and a /proc that "
           "is not covered)";
  if (code == EPERM && request.type == "mqueue")
    return "create (in a user namespace mqueue needs an ipc namespace of its own)";
  // A file system that has not gone over to the new API judges its options here, all at once.
  if (code == EINVAL && !request.data.empty())
    return fmt::format("create with {}", join(request.data, ","));
  return "create";
}

// Long layer lists of overlay: one "lowerdir+" per layer (Linux 6.7), as there is no other way
// through fsconfig.
bool add_layers(const Fd& filesystem, std::string_view layers) {
  while (!layers.empty()) {
    const size_t colon = std::min(layers.find(':'), layers.size());
    const std::string layer(layers.substr(0, colon));
    if (!configure(filesystem, FSCONFIG_SET_STRING, "lowerdir+", layer.c_str())) return false;
    layers.remove_prefix(std::min(colon + 1, layers.size()));
  }
  return true;
}

bool configure_option(const Fd& filesystem, std::string_view type, const std::string& option) {
  const size_t equals = option.find('=');
  if (equals == std::string::npos)
    return configure(filesystem, FSCONFIG_SET_FLAG, option.c_str(), nullptr);
  const std::string key = option.substr(0, equals);
  const char* value = option.c_str() + equals + 1;
  if (type == "overlay" && key == "lowerdir" && option.size() - equals - 1 > kValueLimit)
    return add_layers(filesystem, value);
  return configure(filesystem, FSCONFIG_SET_STRING, key.c_str(), value);
}

// The kernel makes an IPC namespace's mqueue with the namespace, so its context is settled already.
bool labelled_afterwards(const FilesystemRequest& request) { return request.type == "mqueue"; }

Result<> configure_all(const Fd& filesystem, const FilesystemRequest& request) {
  for (const FlagName& each : kSuperblockFlags)
    if ((request.superblock_flags & each.flag) != 0 &&
        !configure(filesystem, FSCONFIG_SET_FLAG, each.name, nullptr))
      return refused(filesystem, request.type, each.name);
  for (const std::string& option : request.data)
    if (!configure_option(filesystem, request.type, option))
      return refused(filesystem, request.type, option);
  if (!request.label.empty() && !labelled_afterwards(request) &&
      !configure(filesystem, FSCONFIG_SET_STRING, "context", request.label.c_str()))
    return refused(filesystem, request.type, "context");
  return {};
}

Result<> label_root(const Fd& mount, const FilesystemRequest& request) {
  const Fd root(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return os_error("{}: open its root", request.type);
  if (::fsetxattr(root.get(), "security.selinux", request.label.c_str(), request.label.size() + 1,
                  0) != 0)
    return os_error("{}: label its root {}", request.type, request.label);
  return {};
}

}  // namespace

Result<Fd> make_filesystem(const FilesystemRequest& request) {
  const Fd filesystem = open_filesystem(request.type.c_str());
  if (!filesystem) {
    if (errno == ENODEV) return error("the kernel has no file system \"{}\"", request.type);
    return os_error("{}: {}", request.type, hint(request, errno));
  }
  if (!request.source.empty() &&
      !configure(filesystem, FSCONFIG_SET_STRING, "source", request.source.c_str()))
    return refused(filesystem, request.type, "source");
  HF_DO(configure_all(filesystem, request));
  if (!configure(filesystem, FSCONFIG_CMD_CREATE, nullptr, nullptr))
    return refused(filesystem, request.type, hint(request, errno));
  Fd mount = mount_filesystem(filesystem, request.attributes);
  if (!mount) return refused(filesystem, request.type, hint(request, errno));
  if (!request.label.empty() && labelled_afterwards(request)) HF_DO(label_root(mount, request));
  return mount;
}

Result<> reconfigure_filesystem(const Fd& mount, const MountPlan& plan) {
  const Fd filesystem(::fspick(mount.get(), "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
  if (!filesystem) return os_error("remount");
  FilesystemRequest request;
  request.type = "remount";
  request.data = plan.data;
  request.superblock_flags = plan.superblock_flags;
  HF_DO(configure_all(filesystem, request));
  if ((plan.attr_clear & MOUNT_ATTR_RDONLY) != 0 &&
      !configure(filesystem, FSCONFIG_SET_FLAG, "rw", nullptr))
    return refused(filesystem, "remount", "rw");
  if (!configure(filesystem, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr))
    return refused(filesystem, "remount", "reconfigure");
  return {};
}

}  // namespace holdfast
