#include "shim/oci/request_facts.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace holdfast {
namespace {

bool is_bind(const oci::Mount& mount) {
  return mount.type == "bind" || std::any_of(mount.options.begin(), mount.options.end(),
                                             [](auto& o) { return o == "bind" || o == "rbind"; });
}

}  // namespace

void add_request_facts(const oci::Spec& spec, Request& request) {
  for (const oci::Namespace& each : spec.linux_.namespaces) {
    struct stat info {};
    if (each.path.empty() || ::stat(each.path.c_str(), &info) != 0) continue;
    // The inode of a namespace's file is its number (namespaces(7)).
    request.namespace_ids[each.path] =
        fmt::format("{}:[{}]", oci::proc_name(each.type), info.st_ino);
  }
  for (const oci::Mount& each : spec.mounts) {
    if (!is_bind(each) || !each.source.starts_with('/')) continue;
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(each.source.c_str(), nullptr),
                                                           &std::free);
    if (real && each.source != real.get()) request.real_paths[each.source] = real.get();
  }
}

}  // namespace holdfast
