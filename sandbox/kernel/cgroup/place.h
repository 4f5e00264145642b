// Where a container's cgroups are, from linux.cgroupsPath: pure, tested without a kernel.
//
//   "/docker/3f2a"            below the root of each hierarchy
//   "pods/3f2a"               below the runtime's own cgroup; on version 2 beside it, because a
//   cgroup
//                             with processes cannot hand controllers down
//   ""                        the same with the container's id
//   "a-b.slice:docker:3f2a"   systemd driver: the unit docker-3f2a.scope in a.slice/a-b.slice
//
// The rules are runc's (docs/systemd.md, libcontainer/cgroups); ".." is refused where runc removes
// it.
#pragma once

#include <string>
#include <string_view>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/cgroup/hierarchy.h"

namespace holdfast::cgroup {

// Without "//", "/./" and a slash at the end; an error for "..", "/" and what no cgroup can be
// named.
Result<std::string> clean_path(std::string_view asked);

struct Unit {
  std::string slice;  // "system.slice", "-.slice"
  std::string name;   // "docker-3f2a.scope"; a name that ends in ".slice" is taken as it is
};
// `asked` as above, for the systemd driver; an empty slice becomes `default_slice`.
Result<Unit> parse_unit(std::string_view asked, const std::string& id,
                        std::string_view default_slice);

// systemd.slice(5): "a-b.slice" is "/a.slice/a-b.slice", "-.slice" is "".
Result<std::string> expand_slice(std::string_view slice);

// The record's directories for `path` (from clean_path) by the cgroupfs driver's rules.
void place(CgroupRecord& record, const Hierarchies& host, const std::string& path);

// Whether `each` serves the controller; version 2 serves what its directory has.
bool serves(const CgroupRecord::Directory& each, std::string_view controller);
const CgroupRecord::Directory* find_controller(const CgroupRecord& record,
                                               std::string_view controller);
const CgroupRecord::Directory* find_v2(const CgroupRecord& record);

}  // namespace holdfast::cgroup
