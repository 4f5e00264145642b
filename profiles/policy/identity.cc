#include "profiles/policy/identity.h"

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::string_view kCri = "io.kubernetes.cri.";
constexpr std::string_view kCrio = "io.kubernetes.cri-o.";

std::string_view last_component(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

std::string_view parent(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  return slash == path.npos ? std::string_view{} : path.substr(0, slash);
}

class Reader {
 public:
  Reader(const oci::StringMap& annotations, std::string_view prefix)
      : annotations_(annotations), prefix_(prefix) {}

  std::string operator()(std::string_view name) const {
    const auto found = annotations_.find(std::string(prefix_).append(name));
    return found == annotations_.end() ? std::string() : found->second;
  }
  bool has(std::string_view name) const {
    return annotations_.contains(std::string(prefix_).append(name));
  }

 private:
  const oci::StringMap& annotations_;
  std::string_view prefix_;
};

// "registry/a/b:1@sha256:…" is an image and its digest.
void set_image(ContainerIdentity& identity, std::string name) {
  const size_t at = name.find('@');
  if (at != name.npos) {
    identity.image_digest = name.substr(at + 1);
    name.resize(at);
  }
  identity.image = std::move(name);
}

void doubt_all(ContainerIdentity& identity) {
  identity.doubtful = {"engine", "namespace",   "pod",    "container",
                       "image",  "imageDigest", "handler"};
}

// containerd's CRI plugin.
void read_containerd(const oci::StringMap& annotations, ContainerIdentity& identity) {
  const Reader get(annotations, kCri);
  if (!get.has("container-type")) return;
  identity.engine = "kubernetes";
  identity.pod_namespace = get("sandbox-namespace");
  identity.pod = get("sandbox-name");
  identity.container = get("container-name");
  set_image(identity, get("image-name"));
}

// Sources beneath /var/lib/kubelet/pods/UID come from the kubelet alone; a sandbox has none.
bool is_kubelets(const oci::Spec& spec) {
  return std::any_of(spec.mounts.begin(), spec.mounts.end(), [](const oci::Mount& mount) {
    return mount.source.starts_with("/var/lib/kubelet/pods/") &&
           mount.source.find("/../") == std::string::npos;
  });
}

void read_crio(const oci::Spec& spec, ContainerIdentity& identity) {
  const Reader get(spec.annotations, kCrio);
  identity.engine = "kubernetes";
  identity.pod_namespace = get("Namespace");
  identity.pod = get("KubeName");
  if (identity.pod.empty()) identity.pod = get("PodName");
  // "k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT"
  const auto parts = split(spec.annotations.contains("io.kubernetes.cri-o.Name")
                               ? std::string_view(spec.annotations.at("io.kubernetes.cri-o.Name"))
                               : std::string_view{},
                           '_');
  if (parts.size() >= 4 && parts[0] == "k8s" && parts[1] != "POD") identity.container = parts[1];
  const auto label = spec.annotations.find("io.kubernetes.container.name");
  if (identity.container.empty() && label != spec.annotations.end())
    identity.container = label->second;
  set_image(identity, get("ImageName"));
  const std::string reference = get("ImageRef");
  if (const size_t at = reference.find("sha256:"); at != reference.npos)
    identity.image_digest = reference.substr(at);
  else if (reference.size() == 64)
    identity.image_digest = "sha256:" + reference;
  identity.handler = get("RuntimeHandler");
  if (get("ContainerType") != "container" || !is_kubelets(spec)) doubt_all(identity);
}

}  // namespace

ContainerIdentity identify_container(const oci::Spec& spec, const CallEvidence& call) {
  ContainerIdentity identity;
  identity.user = call.user;
  const std::string_view containerd_namespace = last_component(call.root);
  if (containerd_namespace == "k8s.io") {
    identity.engine = "containerd";
    read_containerd(spec.annotations, identity);
  } else if (containerd_namespace == "moby") {
    identity.engine = "docker";
    // dockerd keeps the state of its runtime NAME in …/runtime-NAME/moby.
    const std::string_view runtime = last_component(parent(call.root));
    if (runtime.starts_with("runtime-")) identity.handler = runtime.substr(8);
  } else if (call.root.find("/containerd/") != call.root.npos) {
    identity.engine = "containerd";
  } else if (spec.annotations.contains("io.kubernetes.cri-o.ContainerType")) {
    read_crio(spec, identity);
  } else if (const auto manager = spec.annotations.find("io.container.manager");
             manager != spec.annotations.end() && manager->second == "libpod") {
    identity.engine = "podman";
  }
  if (!call.trusted) doubt_all(identity);
  return identity;
}

}  // namespace holdfast
