// The features document (runtime-spec features.md, features-linux.md): what this runtime
// understands, whatever the host can do. Engines read it to offer recursive read-only mounts and
// user namespaces.
//
//   oci::Features features = oci::our_features();
//   features.mount_options = known_mount_options();
//   puts(oci::encode_features(features, json::Layout::kPretty).c_str());
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json/writer.h"
#include "core/oci/spec.h"

namespace holdfast::oci {

// `{"enabled": true}`
struct Support {
  bool enabled = false;
};

struct CgroupFeatures {
  bool v1 = false, v2 = false, systemd = false, systemd_user = false, rdma = false;
};

struct SeccompFeatures {
  bool enabled = false;
  Strings actions, operators, archs, known_flags, supported_flags;
};

struct IntelRdtFeatures {
  bool enabled = false, schemata = false, monitoring = false;
};

struct MemoryPolicyFeatures {
  Strings modes, flags;
};

struct MountExtensions {
  Support idmap;
};

struct LinuxFeatures {
  Strings namespaces, capabilities;
  CgroupFeatures cgroup;
  SeccompFeatures seccomp;
  Support apparmor, selinux;
  IntelRdtFeatures intel_rdt;
  MemoryPolicyFeatures memory_policy;
  MountExtensions mount_extensions;
  Support net_devices;
};

struct Features {
  std::string version_min = "1.0.0", version_max = "1.3.0";
  Strings hooks, mount_options;
  LinuxFeatures linux_;
  StringMap annotations;
  // Annotations of config.json that change what we do; a "." at the end marks a prefix.
  Strings potentially_unsafe_config_annotations;
};

// All but the mount options, which their parser knows, and what depends on how the binary was
// built.
Features our_features();
std::string encode_features(const Features& features, json::Layout layout = json::Layout::kCompact);

}  // namespace holdfast::oci
