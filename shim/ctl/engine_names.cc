#include "shim/ctl/engine_names.h"

#include "core/base/fd.h"
#include "core/json/codec.h"

namespace holdfast {
namespace engine_files {

struct DockerConfig {
  std::string name;
};
template <class V>
void describe(V& v, DockerConfig& c) {
  v.field("Name", c.name);
}

struct StorageEntry {
  std::string id;
  std::vector<std::string> names;
};
template <class V>
void describe(V& v, StorageEntry& e) {
  v.field("id", e.id);
  v.field("names", e.names);
}

}  // namespace engine_files

namespace ctl {
namespace {

constexpr size_t kMaxFile = 16 << 20;

// Directories of dockerd's data root that hold the containers' roots, by storage driver.
constexpr std::string_view kDockerStorage[] = {
    "/overlay2/", "/fuse-overlayfs/", "/vfs/dir/", "/btrfs/subvolumes/", "/zfs/graph/", "/rootfs/"};

std::string annotation(const ContainerState& state, const char* key) {
  const auto found = state.annotations.find(key);
  return found == state.annotations.end() ? "" : found->second;
}

// A container of a pod: POD/CONTAINER first, as kubectl's users think of it.
void add_pod_names(std::vector<std::string>& names, const std::string& space,
                   const std::string& pod, const std::string& container) {
  if (pod.empty()) return;
  const std::string inside = container.empty() ? pod : pod + "/" + container;
  names.push_back(inside);
  if (!space.empty()) names.push_back(space + "/" + inside);
  if (!container.empty()) names.push_back(container);
}

void add_docker_names(const ContainerState& state, std::vector<std::string>& names) {
  std::string data = docker_data_root(state.rootfs);
  if (data.empty()) data = "/var/lib/docker";
  const auto config = read_file(data + "/containers/" + state.id + "/config.v2.json", kMaxFile);
  if (!config) return;
  if (std::string name = docker_name(*config); !name.empty()) names.push_back(std::move(name));
}

// podman's bundle is STORAGE/overlay-containers/ID/userdata.
std::string storage_of(const ContainerState& state) {
  const std::string end = "/" + state.id + "/userdata";
  if (!state.bundle.ends_with(end)) return "";
  return state.bundle.substr(0, state.bundle.size() - end.size());
}

void add_storage_names(const std::string& storage, const ContainerState& state,
                       std::vector<std::string>& names) {
  const auto text = read_file(storage + "/containers.json", kMaxFile);
  if (!text) return;
  for (std::string& name : storage_names(*text, state.id)) names.push_back(std::move(name));
}

}  // namespace

std::string engine_of_root(std::string_view path) {
  if (path.find("/docker/runtime-") != std::string_view::npos) return "docker";
  for (const std::string_view part : {"/containerd/runc/", "/containerd/holdfast/"})
    if (const size_t at = path.find(part); at != std::string_view::npos)
      return "containerd " + std::string(path.substr(at + part.size()));
  if (path.starts_with("/run/crio/")) return "cri-o";
  return "";
}

std::string docker_data_root(std::string_view rootfs) {
  for (const std::string_view part : kDockerStorage)
    if (const size_t at = rootfs.find(part); at != std::string_view::npos && at > 0)
      return std::string(rootfs.substr(0, at));
  return "";
}

std::string docker_name(std::string_view config) {
  const auto decoded = json::decode<engine_files::DockerConfig>(config);
  if (!decoded) return "";
  return decoded->name.starts_with('/') ? decoded->name.substr(1) : decoded->name;
}

std::vector<std::string> storage_names(std::string_view containers, std::string_view id) {
  const auto all = json::decode<std::vector<engine_files::StorageEntry>>(containers);
  if (!all) return {};
  for (const engine_files::StorageEntry& each : *all)
    if (each.id == id) return each.names;
  return {};
}

EngineNames engine_names(const ContainerState& state, std::string_view engine) {
  EngineNames result{std::string(engine), {}};
  const std::string manager = annotation(state, "io.container.manager");
  if (manager == "cri-o" || !annotation(state, "io.kubernetes.cri-o.ContainerID").empty())
    result.engine = "cri-o";
  const std::string storage = storage_of(state);
  if (result.engine.empty() && !storage.empty()) result.engine = "podman";

  add_pod_names(result.names, annotation(state, "io.kubernetes.cri.sandbox-namespace"),
                annotation(state, "io.kubernetes.cri.sandbox-name"),
                annotation(state, "io.kubernetes.cri.container-name"));
  add_pod_names(result.names, annotation(state, "io.kubernetes.pod.namespace"),
                annotation(state, "io.kubernetes.pod.name"),
                annotation(state, "io.kubernetes.container.name"));
  if (std::string name = annotation(state, "nerdctl/name"); !name.empty())
    result.names.push_back(std::move(name));
  if (result.engine == "docker") add_docker_names(state, result.names);
  if (!storage.empty()) add_storage_names(storage, state, result.names);
  return result;
}

}  // namespace ctl
}  // namespace holdfast
