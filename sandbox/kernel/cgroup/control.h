// Control files of a cgroup directory, with errors that name directory and file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/kernel/cgroup.h"

namespace holdfast::cgroup {

// One write(2): "write /sys/fs/cgroup/pids/c1/pids.max: invalid argument".
Result<> write_control(const std::string& directory, std::string_view file, std::string_view value);

// The content without the newline at its end; nullopt if the file does not exist.
Result<std::optional<std::string>> read_control(const std::string& directory,
                                                std::string_view file);

// The value of `key` in a flat keyed file ("populated 1\nfrozen 0\n"); nullopt if it has no such
// line.
std::optional<uint64_t> keyed(std::string_view text, std::string_view key);

// Adds the pids of `directory` and of all cgroups below it.
Result<> collect_processes(const std::string& directory, std::vector<pid_t>& pids);

// Removes `directory` and the cgroups below it, deepest first; waits for the last processes to be
// gone as long as there is `patience` (microseconds), which it uses up. Never follows a link, never
// leaves the file system.
inline constexpr long kRemovalPatience = 500000;
Result<> remove_directory(const std::string& directory, long& patience);

// What of `resources` is asked that needs a controller, as {"linux.resources.memory", "memory"}.
struct Need {
  std::string_view field, v1, v2;  // v2 empty: version 2 has no such control
};
std::vector<Need> needs(const oci::Resources& resources);

// "linux.resources.hugepageLimits: the host has no hugetlb controller", or nothing.
Result<> check_controllers(const CgroupRecord& record, const oci::Resources& resources);

}  // namespace holdfast::cgroup
