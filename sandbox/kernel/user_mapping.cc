#include "sandbox/kernel/user_mapping.h"

#include <linux/magic.h>
#include <spawn.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fd.h"

namespace holdfast {

namespace {

std::string map_text(const std::vector<oci::IdMapping>& mappings) {
  std::string text;
  for (const auto& m : mappings)
    text += fmt::format("{} {} {}\n", m.container_id, m.host_id, m.size);
  return text;
}

Result<DirFd> open_process(pid_t pid) {
  HF_TRY(DirFd dir, DirFd::open(fmt::format("/proc/{}", pid)));
  struct statfs info {};
  if (::fstatfs(dir.get(), &info) != 0) return os_error("stat /proc/{}", pid);
  if (info.f_type != PROC_SUPER_MAGIC) return error("/proc is not a procfs");
  return dir;
}

// newuidmap(1) and newgidmap(1) are setuid helpers that check /etc/subuid and /etc/subgid.
Result<> run_helper(const char* helper, pid_t pid, const std::vector<oci::IdMapping>& mappings) {
  std::vector<std::string> args{helper, fmt::format("{}", pid)};
  for (const auto& m : mappings) {
    args.push_back(fmt::format("{}", m.container_id));
    args.push_back(fmt::format("{}", m.host_id));
    args.push_back(fmt::format("{}", m.size));
  }
  std::vector<char*> argv;
  for (auto& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  char* environment[] = {nullptr};
  pid_t child = 0;
  if (const int code = ::posix_spawn(&child, helper, nullptr, nullptr, argv.data(), environment))
    return os_error_of(code, "run {}", helper);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return error("{}: refused the mappings (see /etc/subuid and /etc/subgid)", helper);
  return {};
}

bool maps_only(const std::vector<oci::IdMapping>& mappings, uint32_t id) {
  return mappings.size() == 1 && mappings[0].host_id == id && mappings[0].size == 1;
}

}  // namespace

Result<> write_id_maps(pid_t pid, const std::vector<oci::IdMapping>& uids,
                       const std::vector<oci::IdMapping>& gids) {
  HF_TRY(DirFd process, open_process(pid));
  // user_namespaces(7): without CAP_SETUID over our own namespace only our own id can be mapped,
  // and a gid only after setgroups is denied.
  if (auto done = process.write("uid_map", map_text(uids)); !done) {
    if (done.error().code != EPERM) return done;
    HF_DO(run_helper("/usr/bin/newuidmap", pid, uids));
  }
  auto done = process.write("gid_map", map_text(gids));
  if (done || done.error().code != EPERM) return done;
  if (!maps_only(gids, ::getegid())) return run_helper("/usr/bin/newgidmap", pid, gids);
  HF_DO(process.write("setgroups", "deny"));
  return process.write("gid_map", map_text(gids));
}

}  // namespace holdfast
