#include "sandbox/kernel/devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sandbox/kernel/mount_api.h"
#include "sandbox/kernel/rootfs_path.h"

namespace holdfast {
namespace {

struct Node {
  mode_t type = 0;
  dev_t number = 0;
  mode_t permissions = 0666;
  uid_t uid = 0;
  gid_t gid = 0;
};

Result<Node> node_of(const oci::Device& device) {
  Node node;
  if (device.type == "c" || device.type == "u") {
    node.type = S_IFCHR;
  } else if (device.type == "b") {
    node.type = S_IFBLK;
  } else if (device.type == "p") {
    node.type = S_IFIFO;
  } else {
    return error("device type \"{}\" is unknown", device.type);
  }
  if (node.type != S_IFIFO) {
    if (!device.major || !device.minor) return error("a device needs major and minor");
    if (*device.major < 0 || *device.major > 0xfff || *device.minor < 0 || *device.minor > 0xfffff)
      return error("device number {}:{} is out of range", *device.major, *device.minor);
    node.number =
        ::makedev(static_cast<unsigned>(*device.major), static_cast<unsigned>(*device.minor));
  }
  if (device.file_mode) node.permissions = *device.file_mode & 07777;
  node.uid = device.uid.value_or(0);
  node.gid = device.gid.value_or(0);
  return node;
}

// Whether the open file is that device (of fifos: a fifo).
Result<bool> is_node(const Fd& fd, const Node& node) {
  HF_TRY(const Identity found, identify(fd));
  if ((found.mode & S_IFMT) != node.type) return false;
  return node.type == S_IFIFO || ::makedev(found.special_major, found.special_minor) == node.number;
}

// Where it will stand: the directory, by descriptor, and the name in it.
struct Place {
  DirFd directory;
  std::string name;
};

Result<Place> place_of(const DirFd& root, const DirFd& dev, const RootPath& path) {
  if (path.is_root()) return error("a device cannot be the root");
  Place place;
  place.name = path.name();
  const RootPath parent = path.parent();
  if (parent.text() == "/dev") {
    HF_TRY(Fd copy, dev.dup());
    place.directory = DirFd(std::move(copy));
  } else if (parent.is_below("/dev")) {
    HF_TRY(place.directory, open_or_make_directory(dev, parent.from("/dev"), Links::kRefuse));
  } else {
    HF_TRY(place.directory, open_or_make_directory(root, parent, Links::kFollow));
  }
  return place;
}

Result<Fd> open_node(const Place& place) {
  return place.directory.open_at(place.name, O_PATH | O_NOFOLLOW);
}

// An existing one must be that device: an image may not put its own /dev/null in its place.
Result<> accept_existing(const Place& place, const Node& node) {
  HF_TRY(const Fd fd, open_node(place));
  HF_TRY(const bool same, is_node(fd, node));
  if (!same) return error("something else stands there");
  return {};
}

Result<> make_node(const Place& place, const Node& node) {
  if (::mknodat(place.directory.get(), place.name.c_str(), node.type | node.permissions,
                node.number) != 0)
    return os_error("mknod");
  HF_TRY(const Fd fd, open_node(place));
  HF_TRY(const bool same, is_node(fd, node));
  if (!same) return error("was replaced while it was made");
  if ((node.uid != ::geteuid() || node.gid != ::getegid()) &&
      ::fchownat(fd.get(), "", node.uid, node.gid, AT_EMPTY_PATH) != 0)
    return os_error("chown");
  return {};
}

Result<> bind_node(const Place& place, const Node& node, const std::string& host_path) {
  const Fd host = clone_tree(AT_FDCWD, host_path.c_str(), AT_SYMLINK_NOFOLLOW);
  if (!host) return os_error("open the host's node");
  HF_TRY(const bool same, is_node(host, node));
  if (!same) return error("the host's node is another device");
  // The node stays the host's: its mode and owner are not the container's to change, even where ids
  // are mapped one to one. Writing to a device needs no writable mount.
  if (!change_mount(host, {.set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE}, Reach::kMount))
    return os_error("change the mount of the host's node");

  Fd target(::openat(place.directory.get(), place.name.c_str(),
                     O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!target) {
    if (errno != EEXIST) return os_error("create");
    HF_TRY(target, open_node(place));
    HF_TRY(const Identity found, identify(target));
    if ((found.mode & S_IFMT) == S_IFLNK) return error("a symbolic link stands there");
  }
  if (!attach_mount(host, target)) return os_error("bind the host's node");
  return {};
}

Result<> make_in_place(const Place& place, const Node& node, const std::string& path,
                       NodeMethod method) {
  const bool bind = method == NodeMethod::kBind && node.type != S_IFIFO;
  if (bind) return bind_node(place, node, path);
  const auto made = make_node(place, node);
  if (made) return {};
  if (made.error().code == EEXIST) return accept_existing(place, node);
  if (made.error().code == EPERM && node.type != S_IFIFO) return bind_node(place, node, path);
  return made;
}

}  // namespace

Result<> make_device(const DirFd& root, const DirFd& dev, const oci::Device& device,
                     NodeMethod method) {
  const RootPath path(device.path);
  // /dev/ptmx is always the link into the container's own devpts.
  if (path.text() == "/dev/ptmx") return {};
  const auto make = [&]() -> Result<> {
    HF_TRY(const Node node, node_of(device));
    HF_TRY(const Place place, place_of(root, dev, path));
    return make_in_place(place, node, path.text(), method);
  };
  return with_context(make(), "device {}", path.text());
}

Result<> make_device_links(const DirFd& dev) {
  struct Link {
    const char *name, *value;
  };
  constexpr Link kLinks[] = {{"fd", "/proc/self/fd"},
                             {"stdin", "/proc/self/fd/0"},
                             {"stdout", "/proc/self/fd/1"},
                             {"stderr", "/proc/self/fd/2"},
                             {"core", "/proc/kcore"}};
  for (const Link& link : kLinks) {
    // CONFIG_PROC_KCORE: asked of the host's /proc, as we are before the pivot.
    if (std::string_view(link.name) == "core" && ::access(link.value, F_OK) != 0) continue;
    if (::symlinkat(link.value, dev.get(), link.name) != 0 && errno != EEXIST)
      return os_error("link /dev/{}", link.name);
  }
  HF_DO(with_context(dev.unlink("ptmx"), "/dev/ptmx"));
  if (::symlinkat("pts/ptmx", dev.get(), "ptmx") != 0) return os_error("link /dev/ptmx");
  return {};
}

Result<> bind_terminal(const DirFd& dev, const Fd& terminal) {
  Fd console(
      ::openat(dev.get(), "console", O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!console) {
    if (errno != EEXIST) return os_error("create /dev/console");
    HF_TRY(console, dev.open_at("console", O_PATH | O_NOFOLLOW));
    HF_TRY(const Identity found, identify(console));
    const mode_t type = found.mode & S_IFMT;
    if (type != S_IFREG && type != S_IFCHR)
      return error("/dev/console: a link or directory stands there");
  }
  HF_TRY(const FilesystemState state, filesystem_state(terminal));
  if (state.magic != kDevptsMagic) return error("/dev/console: the terminal is not on a devpts");
  const Fd copy = clone_tree(terminal, 0);
  if (!copy) return os_error("/dev/console: copy the terminal's mount");
  if (!change_mount(copy, {.propagation = MS_PRIVATE}, Reach::kMount))
    return os_error("/dev/console: make it private");
  if (!attach_mount(copy, console)) return os_error("bind /dev/console");
  return {};
}

Result<bool> is_null_device(const Fd& fd) {
  HF_TRY(const Identity found, identify(fd));
  if ((found.mode & S_IFMT) != S_IFCHR || found.special_major != 1 || found.special_minor != 3)
    return false;
  HF_TRY(const FilesystemState state, filesystem_state(fd));
  return state.magic == kTmpfsMagic || state.magic == kRamfsMagic;
}

Result<> reopen_null_streams(const DirFd& dev) {
  Fd null;
  for (int stream = 0; stream < 3; ++stream) {
    struct stat info {};
    if (::fstat(stream, &info) != 0 || !S_ISCHR(info.st_mode) || info.st_rdev != ::makedev(1, 3))
      continue;
    if (!null) {
      null = Fd(::openat(dev.get(), "null", O_RDWR | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC));
      // A plan without /dev/null leaves the streams as they are.
      if (!null && errno == ENOENT) return {};
      if (!null) return os_error("open /dev/null of the container");
      struct stat found {};
      if (::fstat(null.get(), &found) != 0 || !S_ISCHR(found.st_mode) ||
          found.st_rdev != ::makedev(1, 3))
        return error("/dev/null of the container is not the null device");
    }
    if (::dup2(null.get(), stream) < 0) return os_error("reopen standard stream {}", stream);
  }
  return {};
}

}  // namespace holdfast
