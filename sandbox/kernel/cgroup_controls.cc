#include "sandbox/kernel/cgroup_controls.h"

#include <dirent.h>
#include <unistd.h>

#include <memory>

#include "core/base/fd.h"
#include "sandbox/kernel/cgroup/hierarchy.h"

namespace holdfast {
namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

template <class F>
void each_entry(const std::string& directory, F f) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), &::closedir);
  if (!open) return;
  while (const dirent* entry = ::readdir(open.get()))
    if (entry->d_name[0] != '.' && !f(std::string_view(entry->d_name))) return;
}

// The name of a size as cgroups have it: hugepages-2048kB is "2MB".
std::string page_size(std::string_view directory) {
  constexpr std::string_view kStart = "hugepages-", kEnd = "kB";
  if (!directory.starts_with(kStart) || !directory.ends_with(kEnd)) return {};
  directory.remove_prefix(kStart.size());
  directory.remove_suffix(kEnd.size());
  const auto kib = parse_number<uint64_t>(directory);
  if (!kib || *kib == 0) return {};
  if (*kib % (1 << 20) == 0) return fmt::format("{}GB", *kib >> 20);
  if (*kib % (1 << 10) == 0) return fmt::format("{}MB", *kib >> 10);
  return fmt::format("{}KB", *kib);
}

// Weights are files of an I/O scheduler's: bfq's once it is loaded, iocost's where the kernel has it. The
// top cgroup has none of them.
bool has_weights(const cgroup::Hierarchy& io) {
  static constexpr const char* kFiles[] = {"io.bfq.weight", "io.weight", "blkio.bfq.weight",
                                           "blkio.weight"};
  if (exists("/sys/module/bfq") || exists(io.mount_point + "/io.cost.qos")) return true;
  bool found = false;
  each_entry(io.mount_point, [&](std::string_view name) {
    for (const char* file : kFiles)
      found = found || exists(fmt::format("{}/{}/{}", io.mount_point, name, file));
    return !found;
  });
  return found;
}

// Version 2's file is in no top cgroup; a kernel that can swap has counted it since Linux 6.1.
bool counts_swap(const cgroup::Hierarchy& memory) {
  if (!memory.v2()) return exists(memory.mount_point + "/memory.memsw.limit_in_bytes");
  return exists(memory.own_directory() + "/memory.swap.max") || exists("/sys/kernel/mm/swap");
}

}  // namespace

CgroupControls cgroup_controls() {
  CgroupControls found;
  const auto host = cgroup::read_hierarchies();
  if (!host) return found;
  for (const cgroup::Hierarchy& each : host->all) {
    std::string offered = each.controllers;
    if (each.v2()) {
      const auto list = read_file(each.mount_point + "/cgroup.controllers", 4096);
      if (list) offered = std::string(trim(*list));
    }
    const char separator = each.v2() ? ' ' : ',';
    const auto has = [&](std::string_view name) { return cgroup::lists(offered, name, separator); };
    if (has("memory")) {
      found.memory = true;
      found.swap = counts_swap(each);
    }
    found.cpu = found.cpu || has("cpu");
    found.hugetlb = found.hugetlb || has("hugetlb");
    if (has(each.v2() ? "io" : "blkio")) found.io_weight = has_weights(each);
  }
  each_entry("/sys/kernel/mm/hugepages", [&](std::string_view name) {
    if (std::string size = page_size(name); !size.empty())
      found.page_sizes.push_back(std::move(size));
    return true;
  });
  return found;
}

}  // namespace holdfast
