#include "shim/oci/sub_cgroup.h"

#include <algorithm>

#include "core/base/text.h"

namespace holdfast {
namespace {

// "workers/a" without anything that leads out of the container's cgroup.
Result<std::string> clean_path(std::string_view path) {
  std::string clean;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return error("--cgroup {}: \"..\" is not allowed", path);
    clean += '/';
    clean += part;
  }
  return clean;
}

bool has_controller(const std::string& controllers, std::string_view name) {
  const auto all = split(controllers, ',');
  return std::find(all.begin(), all.end(), name) != all.end();
}

Result<> redirect(CgroupRecord& record, const std::string& wanted) {
  const size_t colon = wanted.find(':');
  const bool by_controller = colon != std::string::npos;
  HF_TRY(const std::string path,
         clean_path(by_controller ? std::string_view(wanted).substr(colon + 1)
                                  : std::string_view(wanted)));
  const std::string prefix = by_controller ? wanted.substr(0, colon) : "";
  bool found = !by_controller;
  for (auto& each : record.directories) {
    const auto names = split(prefix, ',');
    if (by_controller && std::none_of(names.begin(), names.end(), [&](std::string_view name) {
          return has_controller(each.controllers, name);
        }))
      continue;
    found = true;
    each.directory += path;
    if (!each.path.empty()) each.path += path;
    HF_DO(with_context(DirFd::open(each.directory, O_PATH), "--cgroup {}", wanted).map([](DirFd&&) {
    }));
  }
  if (!found) return error("--cgroup {}: no such controller in use", wanted);
  return {};
}

}  // namespace

Result<CgroupRecord> sub_cgroups(CgroupRecord record, const std::vector<std::string>& wanted) {
  for (const auto& each : wanted) HF_DO(redirect(record, each));
  return record;
}

}  // namespace holdfast
