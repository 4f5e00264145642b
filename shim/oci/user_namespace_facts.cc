#include "shim/oci/user_namespace_facts.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/plan/mount_options.h"
#include "sandbox/kernel/idmap_trial.h"
#include "sandbox/kernel/user_namespace.h"
#include "sandbox/launch/id_ranges.h"

namespace holdfast {
namespace {

std::string absolute(const std::string& bundle, const std::string& path) {
  return path.starts_with('/') ? path : bundle + '/' + path;
}

// The node that is bound in place of a new one must be that device, and open to others than root.
std::string device_problem(const oci::Device& device) {
  if (device.type == "p") return {};
  struct stat info {};
  if (::stat(device.path.c_str(), &info) != 0 ||
      (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) || !device.major || !device.minor ||
      info.st_rdev !=
          ::makedev(static_cast<unsigned>(*device.major), static_cast<unsigned>(*device.minor)))
    return fmt::format("device {} is none of the host's at this path", device.path);
  if ((info.st_mode & 06) != 06)
    return fmt::format("{} is a device that only its owner on the host may use", device.path);
  return {};
}

struct Owner {
  dev_t device = 0;
  ino_t inode = 0;
};

// Whose the namespaces are that the spec joins.
Result<> find_owners(const oci::Spec& spec, UserNamespaceFacts& found) {
  Owner pod;
  for (const oci::Namespace& each : spec.linux_.namespaces) {
    // The cgroup and time namespaces give no power to whoever owns them.
    if (each.path.empty() || each.type == oci::NamespaceType::kCgroup ||
        each.type == oci::NamespaceType::kTime)
      continue;
    HF_TRY(const Fd owner, open_user_namespace(each.path));
    HF_TRY(const bool host, is_own_user_namespace(owner));
    if (host) {
      found.of_host.insert(each.path);
      continue;
    }
    struct stat info {};
    if (::fstat(owner.get(), &info) != 0) return os_error("stat the owner of {}", each.path);
    if (pod.inode != 0 && (pod.inode != info.st_ino || pod.device != info.st_dev))
      return error("the namespaces that it joins belong to different user namespaces");
    if (pod.inode != 0) continue;
    pod = {info.st_dev, info.st_ino};
    found.pod = each.path;
    HF_TRY(IdMaps maps, maps_of(owner));
    found.pod_uids = std::move(maps.uids);
    found.pod_gids = std::move(maps.gids);
  }
  return {};
}

Result<> try_sources(const oci::Spec& spec, const std::string& bundle, UserNamespaceFacts& found) {
  std::vector<MapTrial> trials;
  std::vector<std::string> names;  // of the trials after the first
  trials.push_back({absolute(bundle, spec.root.path), true});
  for (const oci::Mount& mount : spec.mounts) {
    const auto parsed = parse_mount(mount);
    if (!parsed || !parsed->bind || parsed->remount) continue;
    trials.push_back({absolute(bundle, mount.source), parsed->recursive_bind});
    names.push_back(mount.source);
  }
  HF_DO(try_id_maps(trials));
  found.root = trials[0].kernel ? "it is on a file system of the kernel's" : trials[0].problem;
  for (size_t i = 0; i < names.size(); ++i) {
    auto& source = found.sources[names[i]];
    source.kernel = trials[i + 1].kernel;
    // Of several mounts of one source the one that cannot be is told.
    if (source.problem.empty()) source.problem = std::move(trials[i + 1].problem);
  }
  return {};
}

Result<> look(const oci::Spec& spec, const std::string& bundle, UserNamespaceFacts& found) {
  HF_TRY(const IdPool pool, host_id_pool());
  found.pool = pool.text();
  HF_DO(find_owners(spec, found));
  for (const oci::Device& device : spec.linux_.devices)
    if (std::string problem = device_problem(device); !problem.empty())
      found.devices[device.path] = std::move(problem);
  return try_sources(spec, bundle, found);
}

}  // namespace

void add_user_namespace_facts(const oci::Spec& spec, const Policy& policy, const HostFacts& facts,
                              Request& request) {
  if (!wants_user_namespace(policy, spec, facts)) return;
  UserNamespaceFacts found;
  if (auto done = look(spec, request.bundle, found); !done) found.problem = done.error().message;
  request.user_namespace = std::move(found);
}

}  // namespace holdfast
