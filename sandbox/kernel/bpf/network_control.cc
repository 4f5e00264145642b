#include "sandbox/kernel/bpf/network_control.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cstring>

#include "sandbox/kernel/bpf/network_pins.h"
#include "sandbox/kernel/bpf/network_scope.h"
#include "sandbox/kernel/bpf/network_slots.h"

namespace holdfast {
namespace {

constexpr bpf_attach_type kTypes[] = {
    BPF_CGROUP_INET4_CONNECT,    BPF_CGROUP_INET6_CONNECT, BPF_CGROUP_UDP4_SENDMSG,
    BPF_CGROUP_UDP6_SENDMSG,     BPF_CGROUP_INET4_BIND,    BPF_CGROUP_INET6_BIND,
    BPF_CGROUP_INET_SOCK_CREATE, BPF_CGROUP_INET_EGRESS,   BPF_CGROUP_INET_INGRESS};

// A cgroup's id is the number of its directory (kernfs, 64 bits).
Result<uint64_t> id_of(const Fd& cgroup) {
  struct stat info {};
  if (::fstat(cgroup.get(), &info) != 0) return os_error("stat the cgroup");
  return info.st_ino;
}

Result<Fd> directory_of(const CgroupRecord& record) {
  HF_TRY(Fd cgroup, v2_directory(record));
  if (!cgroup) return error("the container has no cgroup of version 2");
  return cgroup;
}

Result<Fd> pinned(const std::string& pins, const char* name) {
  return bpf::open_pinned(fmt::format("{}/{}", pins, name));
}

// Only what the plan decides: the slot is whichever was free.
bool same_rules(const hf_net_scope& shown, const hf_net_scope& wanted) {
  return shown.abi == wanted.abi && shown.flags == wanted.flags && shown.count == wanted.count &&
         shown.cgroup == wanted.cgroup &&
         std::memcmp(shown.rules, wanted.rules, sizeof shown.rules) == 0;
}

}  // namespace

std::string network_obstacle() {
  const auto is_v2 = [](const char* path) {
    struct statfs info {};
    return ::statfs(path, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
  };
  if (!is_v2("/sys/fs/cgroup") && !is_v2("/sys/fs/cgroup/unified"))
    return "there is no cgroup of version 2";
  if (auto loaded = bpf::try_cgroup_program(); !loaded) return loaded.error().message;
  return {};
}

Result<> apply_network(const SupervisionPlan& plan, const CgroupRecord& record) {
  const auto hooks = network_hooks(plan);
  if (hooks.empty()) return {};
  HF_TRY(const Fd cgroup, directory_of(record));
  HF_TRY(const uint64_t id, id_of(cgroup));
  HF_TRY(hf_net_scope scope, network_scope(*plan.network, id, 0));
  HF_TRY(const std::string pins, network_pins());
  HF_TRY(const Fd owners, pinned(pins, "hf_net_owners"));
  HF_TRY(Fd shared, pinned(pins, "hf_net_slots"));
  HF_TRY(NetworkSlots slots, NetworkSlots::open(owners, std::move(shared)));
  HF_TRY(scope.slot, slots.claim(id, cgroup));
  // Attaching makes the storage, in which nothing is allowed yet.
  for (const NetworkHook* hook : hooks) {
    HF_TRY(const Fd program, pinned(pins, hook->program));
    HF_DO(with_context(bpf::attach(program, cgroup, hook->type), "{}", hook->program));
  }
  HF_TRY(const Fd scopes, pinned(pins, "hf_net_scopes"));
  return with_context(bpf::update(scopes, &id, &scope), "rules");
}

Result<NetworkMaps> network_maps(const Fd& cgroup) {
  NetworkMaps found;
  HF_TRY(found.cgroup, id_of(cgroup));
  for (const bpf_attach_type type : kTypes) {
    HF_TRY(const auto ids, bpf::attached(cgroup, type));
    for (const uint32_t id : ids) {
      HF_TRY(const Fd program, bpf::program_of(id));
      HF_TRY(bpf::ProgramInfo info, bpf::program_info(program));
      if (!info.name.starts_with("hf_")) continue;
      found.programs.push_back(std::move(info.name));
      for (const uint32_t map : info.maps) {
        if (found.scopes && found.slots && found.rings) break;
        HF_TRY(Fd fd, bpf::map_of(map));
        HF_TRY(const bpf::MapInfo about, bpf::map_info(fd));
        if (about.name == "hf_net_scopes")
          found.scopes = std::move(fd);
        else if (about.name == "hf_net_slots")
          found.slots = std::move(fd);
        else if (about.name == "hf_net_rings")
          found.rings = std::move(fd);
      }
    }
  }
  if (!found.scopes || !found.slots || !found.rings)
    return os_error_of(ENOENT, "programs of network control on the cgroup");
  return found;
}

Result<hf_net_scope> read_scope(const NetworkMaps& maps) {
  hf_net_scope scope{};
  HF_TRY(const bpf::MapInfo info, bpf::map_info(maps.scopes));
  if (info.value_size != sizeof scope)
    return error("the rules are those of another release of holdfast");
  HF_DO(with_context(bpf::look_up(maps.scopes, &maps.cgroup, &scope), "rules"));
  if (scope.abi != HF_NET_ABI) return error("the rules are those of another release of holdfast");
  return scope;
}

Result<std::string> compare_network(const SupervisionPlan& plan, const CgroupRecord& record) {
  const auto hooks = network_hooks(plan);
  if (hooks.empty()) return std::string();
  HF_TRY(const Fd cgroup, directory_of(record));
  auto maps = network_maps(cgroup);
  if (!maps && maps.error().code == ENOENT)
    return std::string("no program of network control is attached");
  if (!maps) return Failure(std::move(maps).error());
  std::vector<std::string> missing;
  for (const NetworkHook* hook : hooks)
    if (std::find(maps->programs.begin(), maps->programs.end(), hook->program) ==
        maps->programs.end())
      missing.emplace_back(hook->program);
  if (!missing.empty()) return fmt::format("not attached: {}", join(missing, ", "));
  HF_TRY(const hf_net_scope shown, read_scope(*maps));
  HF_TRY(const hf_net_scope wanted, network_scope(*plan.network, maps->cgroup, shown.slot));
  return std::string(same_rules(shown, wanted) ? "" : "other network rules than planned");
}

}  // namespace holdfast
