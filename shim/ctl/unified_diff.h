// What changes in a text file, as diff -u shows it.
//
//   unified_diff("/etc/docker/daemon.json", before, after)
//   unified_diff(path, std::nullopt, after)      // a new file: "--- /dev/null"
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::ctl {

// Empty where both are the same; nullopt: there is no file.
std::string unified_diff(std::string_view path, std::optional<std::string_view> before,
                         std::optional<std::string_view> after);

}  // namespace holdfast::ctl
