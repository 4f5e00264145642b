// The stored form of a CgroupRecord, for core/json/codec.h.
#pragma once

#include "core/json/codec.h"
#include "core/plan/describe.h"
#include "sandbox/kernel/cgroup.h"

namespace holdfast {

inline constexpr json::Name<HostFacts::Cgroup> kCgroupModeNames[] = {
    {"v1", HostFacts::Cgroup::kV1},
    {"hybrid", HostFacts::Cgroup::kHybrid},
    {"v2", HostFacts::Cgroup::kV2},
    {"none", HostFacts::Cgroup::kNone}};
constexpr std::span<const json::Name<HostFacts::Cgroup>> json_names(HostFacts::Cgroup) {
  return kCgroupModeNames;
}

template <class V>
void describe(V& v, CgroupRecord::Directory& d) {
  v.field("controllers", d.controllers);
  v.required("directory", d.directory);
  v.field("path", d.path);
}

template <class V>
void describe(V& v, CgroupRecord& r) {
  v.required("driver", r.driver);
  v.required("mode", r.mode);
  v.field("path", r.path);
  v.field("unit", r.unit);
  v.field("slice", r.slice);
  v.field("rootless", r.rootless);
  v.field("without", r.without);
  v.field("directories", r.directories);
}

}  // namespace holdfast
