// How engines call a container: from its annotations, its bundle's place and the engine's own files.
//
//   EngineNames n = engine_names(state, root.engine);   // {"containerd k8s.io", {"web-0/nginx", "nginx"}}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/launch/state_store.h"

namespace holdfast::ctl {

struct EngineNames {
  std::string engine;
  std::vector<std::string> names;
};

// `engine`: what the state root tells, or empty.
EngineNames engine_names(const ContainerState& state, std::string_view engine);

// The engine whose state root this is: "/run/docker/runtime-holdfast/moby" -> "docker".
std::string engine_of_root(std::string_view path);

// dockerd's data directory by the container's root there:
// "/srv/docker/overlay2/12ab/merged" -> "/srv/docker"; empty where it is none.
std::string docker_data_root(std::string_view rootfs);
// "/name" of Docker's config.v2.json; empty where there is none.
std::string docker_name(std::string_view config);
// The names of `id` in the containers.json of podman's storage.
std::vector<std::string> storage_names(std::string_view containers, std::string_view id);

}  // namespace holdfast::ctl
