// One entry of config.json's `mounts` becomes a MountPlan: pure, no system call.
//
//   HF_TRY(MountPlan mount, parse_mount({.destination = "/tmp", .type = "tmpfs",
//                                        .source = "tmpfs", .options = {"nosuid", "size=64k"}}));
//   mount.attr_set == MOUNT_ATTR_NOSUID; mount.data == {"size=64k"}
//
// The options are runc's (config.md#linux-mount-options, mount(8), mount_setattr(2)); of two that
// contradict each other the later one wins; what is in no table is data of the file system.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/oci/spec.h"
#include "core/plan/plan.h"

namespace holdfast {

// An error names the mount: `mount "/data": "idmap" needs a bind mount`.
Result<MountPlan> parse_mount(const oci::Mount& mount);

// All options that are not a file system's data, sorted: what `features` reports.
const std::vector<std::string>& known_mount_options();

// Absolute and without "", "." and ".." components, lexically: clean_path("a//../b/.") == "/b".
std::string clean_path(std::string_view path);

}  // namespace holdfast
