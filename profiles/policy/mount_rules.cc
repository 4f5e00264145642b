#include "profiles/policy/mount_rules.h"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

// In a pattern "*" begins a component that may begin with anything; a trailing "/**" means the content of
// the directory and not itself. /run means /var/run, too.
constexpr std::string_view kContainerFiles[] = {
    // dockerd (with userns-remap there is a component UID.GID in between)
    "/var/lib/docker/containers/*/**",
    "/var/lib/docker/*/containers/*/**",
    "/var/lib/docker/volumes/*/_data",
    "/var/lib/docker/volumes/*/_data/**",
    "/var/lib/docker/*/volumes/*/_data",
    "/var/lib/docker/*/volumes/*/_data/**",
    "/var/lib/docker/buildkit/executor/**",
    "/var/lib/docker/tmp/**",
    // containerd's CRI plugin
    "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/*/**",
    "/var/lib/containerd/io.containerd.grpc.v1.cri/containers/*/**",
    "/run/containerd/io.containerd.grpc.v1.cri/sandboxes/*/**",
    "/run/containerd/io.containerd.grpc.v1.cri/containers/*/**",
    "/var/lib/rancher/*/agent/containerd/io.containerd.grpc.v1.cri/sandboxes/*/**",
    "/var/lib/rancher/*/agent/containerd/io.containerd.grpc.v1.cri/containers/*/**",
    "/var/lib/rancher/*/storage/*/**",
    "/run/k3s/containerd/io.containerd.grpc.v1.cri/sandboxes/*/**",
    "/run/k3s/containerd/io.containerd.grpc.v1.cri/containers/*/**",
    "/var/lib/nerdctl/*/etchosts/**",
    "/var/lib/nerdctl/*/containers/**",
    "/var/lib/nerdctl/*/volumes/*/*/_data",
    "/var/lib/nerdctl/*/volumes/*/*/_data/**",
    // podman, CRI-O, Buildah
    "/var/lib/containers/storage/*-containers/*/userdata/**",
    "/run/containers/storage/*-containers/*/userdata/**",
    "/var/lib/containers/storage/volumes/*/_data",
    "/var/lib/containers/storage/volumes/*/_data/**",
    "/run/user/*/containers/*-containers/*/userdata/**",
    "/run/user/*/netns/**",
    "/run/containers/storage/networks/**",
    // BuildKit by itself
    "/var/lib/buildkit/executor/**",
    // kubelet
    "/var/lib/kubelet/pods/*/volumes/**",
    "/var/lib/kubelet/pods/*/volume-subpaths/**",
    "/var/lib/kubelet/pods/*/containers/**",
    "/var/lib/kubelet/pods/*/etc-hosts",
    "/var/lib/kubelet/pods/*/plugins/**",
};

// Contents of layers: what image mounts and build caches bind, and what other containers' roots consist of.
constexpr std::string_view kLayers[] = {
    "/var/lib/docker/overlay2/*/diff",
    "/var/lib/docker/overlay2/*/diff/**",
    "/var/lib/docker/*/overlay2/*/diff",
    "/var/lib/docker/*/overlay2/*/diff/**",
    "/var/lib/containers/storage/overlay/*/merged",
    "/var/lib/containers/storage/overlay/*/merged/**",
    "/var/lib/containers/storage/overlay/*/diff",
    "/var/lib/containers/storage/overlay/*/diff/**",
    "/var/lib/buildkit/*/snapshots/snapshots/*/fs",
    "/var/lib/buildkit/*/snapshots/snapshots/*/fs/**",
    "/var/lib/containerd/*/snapshots/*/fs",
    "/var/lib/containerd/*/snapshots/*/fs/**",
};

// State directories and sockets; whatever lies in them, and every directory above them.
constexpr std::string_view kEngine[] = {
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/var/lib/buildkit",
    "/var/lib/nerdctl",
    "/var/lib/rancher",
    "/var/lib/etcd",
    "/var/lib/crio",
    "/run/docker.sock",
    "/run/docker",
    "/run/containerd",
    "/run/containers",
    "/run/podman",
    "/run/crio",
    "/run/cri-dockerd.sock",
    "/run/buildkit",
    "/run/runc",
    "/run/crun",
    "/run/holdfast",
    "/run/k3s",
    "/run/dockershim.sock",
    "/etc/holdfast",
    "/etc/kubernetes",
    "/run/user/*/containers",
    "/run/user/*/podman",
    "/run/user/*/docker.sock",
    "/run/user/*/crun",
    "/run/user/*/runc",
    "/run/user/*/holdfast",
    "/run/user/*/containerd",
    "/run/user/*/libpod",
    "/run/libpod",
    "/run/nri",
    "/run/youki",
    "/run/kata-containers",
    "/run/vc",
    "/run/containerd-stargz-grpc",
    "/run/containerd-fuse-overlayfs.sock",
    "/run/lxd",
    "/run/incus",
    "/var/lib/lxd",
    "/var/lib/incus",
    "/run/user/*/buildkit",
};

// CIS Docker 5.5 and Pod Security's hostPathVolumes; single files in them that engines hand out are ordinary.
constexpr std::string_view kSystem[] = {"/bin",   "/boot",  "/dev",  "/etc",    "/lib",
                                        "/lib32", "/lib64", "/proc", "/root",   "/run",
                                        "/sbin",  "/sys",   "/usr",  "/var/log"};
constexpr std::string_view kSystemFiles[] = {
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/fuse",
    "/dev/net/tun",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/hostname",
    "/usr/share/zoneinfo/**",
    "/usr/share/ca-certificates/**",
    "/etc/ssl/certs",
    "/etc/ssl/certs/**",
    "/usr/bin/docker-init",
    "/usr/sbin/docker-init",
    "/sbin/docker-init",
    "/usr/libexec/docker/docker-init",
    "/usr/bin/tini",
    "/usr/bin/tini-static",
    "/usr/bin/catatonit",
    "/usr/libexec/podman/catatonit",
    "/usr/libexec/catatonit/catatonit",
};

std::string_view component(std::string_view& rest) {
  const size_t start = rest.find_first_not_of('/');
  if (start == rest.npos) {
    rest = {};
    return {};
  }
  rest.remove_prefix(start);
  const size_t end = rest.find('/');
  const std::string_view first = rest.substr(0, end);
  rest = end == rest.npos ? std::string_view{} : rest.substr(end);
  return first;
}

// One component against one of a pattern: "*" any, "*-containers" any with that end.
bool component_matches(std::string_view pattern, std::string_view name) {
  if (!pattern.starts_with('*')) return pattern == name;
  return name.size() >= pattern.size() && name.ends_with(pattern.substr(1));
}

enum class Relation { kNone, kSame, kBeneath, kAbove };

// Where `path` lies relative to `pattern`.
Relation relation(std::string_view pattern, std::string_view path) {
  for (;;) {
    const std::string_view wanted = component(pattern);
    const std::string_view found = component(path);
    if (wanted.empty() && found.empty()) return Relation::kSame;
    if (wanted.empty()) return Relation::kBeneath;
    if (found.empty()) return Relation::kAbove;
    if (!component_matches(wanted, found)) return Relation::kNone;
  }
}

bool matches(std::string_view pattern, std::string_view path) {
  if (pattern.ends_with("/**"))
    return relation(pattern.substr(0, pattern.size() - 3), path) == Relation::kBeneath;
  return relation(pattern, path) == Relation::kSame;
}

}  // namespace

bool is_about(std::string_view place, std::string_view path) {
  const size_t length = std::min(place.size(), path.size());
  if (place.substr(0, length) != path.substr(0, length)) return false;
  const std::string_view longer = place.size() > path.size() ? place : path;
  return longer.size() == length || longer[length] == '/' || length == 1;
}

// lowerdir is a list: ':' and "::" separate, '\\' takes the meaning from what follows it.
std::vector<std::string> overlay_layers(const std::vector<std::string>& options) {
  static constexpr std::string_view kKeys[] = {"lowerdir", "lowerdir+", "datadir+", "upperdir",
                                               "workdir"};
  std::vector<std::string> layers;
  for (const std::string& option : options) {
    const size_t equals = option.find('=');
    if (equals == option.npos) continue;
    const auto key = std::string_view(option).substr(0, equals);
    if (std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys)) continue;
    std::string path;
    for (size_t i = equals + 1; i <= option.size(); ++i) {
      const bool ends = i == option.size() || (option[i] == ':' && key == "lowerdir");
      if (!ends && option[i] == '\\' && i + 1 < option.size()) ++i;
      if (!ends) path += option[i];
      if (ends && !path.empty()) layers.push_back(std::exchange(path, {}));
    }
  }
  return layers;
}

std::vector<std::string_view> engine_paths() {
  std::vector<std::string_view> fixed;
  for (const std::string_view pattern : kEngine)
    if (pattern.find('*') == pattern.npos) fixed.push_back(pattern);
  return fixed;
}

SourceKind classify_source(std::string_view path) {
  if (path.starts_with("/var/run") && (path.size() == 8 || path[8] == '/')) path.remove_prefix(4);
  for (const std::string_view pattern : kContainerFiles)
    if (matches(pattern, path)) return SourceKind::kContainerFile;
  for (const std::string_view pattern : kLayers)
    if (matches(pattern, path)) return SourceKind::kLayer;
  for (const std::string_view pattern : kEngine)
    if (relation(pattern, path) != Relation::kNone) return SourceKind::kEngine;
  for (const std::string_view pattern : kSystemFiles)
    if (matches(pattern, path)) return SourceKind::kOrdinary;
  for (const std::string_view pattern : kSystem) {
    const Relation where = relation(pattern, path);
    if (where == Relation::kSame || where == Relation::kBeneath) return SourceKind::kSystem;
  }
  return SourceKind::kOrdinary;
}

}  // namespace holdfast
