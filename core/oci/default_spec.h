// The template that `holdfast spec` writes: a shell with few capabilities on a read-only root.
//
//   oci::Spec spec = oci::default_spec({.cgroup_v2 = true});
//   puts(oci::encode_spec(spec, json::Layout::kPretty).c_str());
#pragma once

#include <cstdint>

#include "core/oci/spec.h"

namespace holdfast::oci {

struct SpecTemplate {
  // For a caller who is not root: a user namespace that maps root onto the caller, no limits, no
  // network of its own, and the host's /sys and cgroups read-only.
  bool rootless = false;
  uint32_t uid = 0, gid = 0;  // of the caller, mapped onto root (rootless only)
  bool cgroup_v2 = false;  // the host's cgroups are unified: give the container a cgroup namespace
};

Spec default_spec(const SpecTemplate& how = {});

}  // namespace holdfast::oci
