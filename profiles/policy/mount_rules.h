// Which sources of bind mounts belong to a container engine or to the host's system.
//
//   classify_source("/var/run/docker.sock") == SourceKind::kEngine
//   classify_source("/var/lib/docker/containers/3f2a/hosts") == SourceKind::kContainerFile
//
// By path only: the caller resolves symbolic links, and looks whether a file is one of engine_paths()
// under another name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

enum class SourceKind : uint8_t {
  kOrdinary,
  kContainerFile,  // what an engine makes for this container: resolv.conf, hosts, shm, a volume
  kLayer,          // the content of an image layer or of a build's cache
  kEngine,         // state or socket of an engine or kubelet, or a directory that holds them
  kSystem          // a directory of the host's system
};

// Whether `path` is `place`, in it or above it; both are clean and absolute.
bool is_about(std::string_view place, std::string_view path);

// The paths that an overlay's options name: lowerdir, lowerdir+, datadir+, upperdir, workdir.
std::vector<std::string> overlay_layers(const std::vector<std::string>& options);

// The state directories and sockets of engines whose paths are fixed.
std::vector<std::string_view> engine_paths();

// `path` is clean and absolute.
SourceKind classify_source(std::string_view path);

}  // namespace holdfast
