// examine_identity: user, groups and the maps of the user namespace; the kernel shows them in ours.
#include <algorithm>

#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/verify_internal.h"

namespace holdfast::verify {
namespace {

using IdMap = std::vector<oci::IdMapping>;

Result<IdMap> read_map(const DirFd& procfs, pid_t pid, const char* name) {
  HF_TRY(const std::string text, read_proc(procfs, fmt::format("{}/{}", pid, name)));
  IdMap map;
  for (const auto line : split(trim(text), '\n')) {
    const auto fields = numbers(line);
    if (fields.size() != 3) return error("{}: unexpected line {}", name, line);
    map.push_back({static_cast<uint32_t>(fields[0]), static_cast<uint32_t>(fields[1]),
                   static_cast<uint32_t>(fields[2])});
  }
  return map;
}

std::string in_words(IdMap map) {
  std::sort(map.begin(), map.end(),
            [](const auto& a, const auto& b) { return a.container_id < b.container_id; });
  std::vector<std::string> parts;
  for (const auto& each : map)
    parts.push_back(fmt::format("{}:{}:{}", each.container_id, each.host_id, each.size));
  return join(parts, ",");
}

struct IdMaps {
  bool identity = true;
  IdMap uids, gids;
};

uint64_t to_host(const IdMaps& maps, const IdMap& map, uint32_t id) {
  if (maps.identity) return id;
  for (const auto& each : map)
    if (id >= each.container_id && id - each.container_id < each.size)
      return uint64_t{each.host_id} + (id - each.container_id);
  return UINT64_MAX;  // equal to no id
}

Result<IdMaps> examine_maps(Findings& found, const DirFd& procfs, pid_t pid, const Plan& plan) {
  const oci::Namespace* user = find_namespace(plan, oci::NamespaceType::kUser);
  if (!user) return IdMaps{};
  found.begin("userNamespace");
  IdMaps maps;
  maps.identity = false;
  HF_TRY(maps.uids, read_map(procfs, pid, "uid_map"));
  HF_TRY(maps.gids, read_map(procfs, pid, "gid_map"));
  // One that is joined has the mappings of whoever made it. Where the root is mapped like it they are
  // known.
  if (!user->path.empty() && !plan.rootfs_idmap) return maps;
  if (in_words(maps.uids) != in_words(plan.uid_mappings))
    found.differ("uid_map {} instead of {}", in_words(maps.uids), in_words(plan.uid_mappings));
  if (in_words(maps.gids) != in_words(plan.gid_mappings))
    found.differ("gid_map {} instead of {}", in_words(maps.gids), in_words(plan.gid_mappings));
  return maps;
}

// Real, effective, saved and file system id.
void examine_id(Findings& found, const StatusFile& status, std::string_view field,
                uint64_t wanted) {
  const auto shown = status.field(field);
  if (!shown || numbers(*shown) != std::vector<uint64_t>(4, wanted))
    found.differ("{} {} instead of {}", field, shown.value_or("unknown"), wanted);
}

void examine_groups(Findings& found, const StatusFile& status, const IdMaps& maps, const Plan& plan,
                    const oci::User& user) {
  // Where setgroups is denied (rootless) the caller's groups stay, and the plan names none.
  if (plan.rootless && user.additional_gids.empty()) return;
  std::vector<uint64_t> wanted;
  for (const uint32_t gid : user.additional_gids) wanted.push_back(to_host(maps, maps.gids, gid));
  auto shown = numbers(status.field("Groups").value_or(""));
  for (auto* list : {&wanted, &shown}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  if (wanted != shown)
    found.differ("groups {} instead of {} additional ones",
                 status.field("Groups").value_or("unknown"), wanted.size());
}

}  // namespace

Result<> examine_identity(Findings& found, const Examinee& subject, const DirFd& procfs,
                          std::string_view text) {
  const Plan& plan = subject.plan;
  HF_TRY(const IdMaps maps, examine_maps(found, procfs, subject.pid, plan));
  // A running program may have become somebody else.
  if (subject.moment == Moment::kRunning) return {};
  found.begin("user");
  const StatusFile status(text);
  const oci::User& user = subject.process.user;
  examine_id(found, status, "Uid", to_host(maps, maps.uids, user.uid));
  examine_id(found, status, "Gid", to_host(maps, maps.gids, user.gid));
  examine_groups(found, status, maps, plan, user);
  return {};
}

}  // namespace holdfast::verify
