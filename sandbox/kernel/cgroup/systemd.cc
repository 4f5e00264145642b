#include "sandbox/kernel/cgroup/systemd.h"

#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "sandbox/kernel/cgroup/place.h"
#include "sandbox/kernel/cgroup/systemd_request.h"
#include "sandbox/kernel/cgroup/unit_properties.h"
#include "sandbox/kernel/helper.h"

namespace holdfast::cgroup {
namespace {

constexpr char kHelper[] = "holdfast-systemd";

// The user's bus is found by the environment; nothing else of ours is its business.
std::vector<std::string> helper_environment(bool user) {
  std::vector<std::string> environment;
  if (!user) return environment;
  for (const char* name : {"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"})
    if (const char* value = std::getenv(name))
      environment.push_back(fmt::format("{}={}", name, value));
  return environment;
}

Result<pid_t> spawn_helper(const std::string& path, const Fd& channel, bool user) {
  auto environment = helper_environment(user);
  std::vector<char*> variables;
  for (std::string& each : environment) variables.push_back(each.data());
  variables.push_back(nullptr);
  std::string name = kHelper;
  char* arguments[] = {name.data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, channel.get(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, channel.get(), 1);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  pid_t pid = 0;
  const int code =
      ::posix_spawn(&pid, path.c_str(), &actions, nullptr, arguments, variables.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return os_error_of(code, "run {}", path);
  return pid;
}

Result<std::string> converse(const Fd& channel, const std::string& request) {
  // Without SIGPIPE, should the helper be gone already.
  if (::send(channel.get(), request.data(), request.size(), MSG_NOSIGNAL) != std::ssize(request))
    return os_error("ask {}", kHelper);
  ::shutdown(channel.get(), SHUT_WR);
  return with_context(read_all(channel, 1 << 20), "answer of {}", kHelper);
}

Result<std::string> ask(const UnitRequest& request) {
  HF_TRY(const std::string path, helper_path(kHelper));
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return os_error("make a socket pair");
  const Fd ours(pair[0]);
  Fd theirs(pair[1]);
  HF_TRY(const pid_t pid, spawn_helper(path, theirs, request.user));
  theirs = {};
  auto text = converse(ours, json::encode(request));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  HF_TRY(const std::string line, std::move(text));
  if (line.empty()) return error("{} ended without an answer (wait status {})", kHelper, status);
  HF_TRY(UnitAnswer answer, with_context(json::decode<UnitAnswer>(line), "answer of {}", kHelper));
  if (!answer.error.empty()) return error("systemd: {}", answer.error);
  return std::move(answer.value);
}

Result<> request(UnitRequest asked) {
  HF_TRY([[maybe_unused]] const std::string value, ask(asked));
  return {};
}

Result<std::vector<UnitProperty>> limits(const CgroupRecord& record,
                                         const oci::Resources& resources, bool devices) {
  HF_TRY(auto all, resource_properties(resources, record.mode == HostFacts::Cgroup::kV2));
  // A user's manager may not set them, and mknod is not possible there.
  if (!devices || record.rootless) return all;
  HF_TRY(const DeviceSet set, device_set(resources.devices));
  HF_TRY(const std::string groups, read_file("/proc/devices"));
  for (UnitProperty& each : device_properties(set, groups)) all.push_back(std::move(each));
  return all;
}

}  // namespace

Result<> plan_unit(CgroupRecord& record, const Hierarchies& host, const std::string& asked,
                   const std::string& id) {
  const bool user = record.rootless;
  if (user && host.mode != HostFacts::Cgroup::kV2)
    return error("the systemd cgroup driver of a rootless container needs cgroup version 2");
  HF_TRY(Unit unit, parse_unit(asked, id, user ? "user.slice" : "system.slice"));
  HF_TRY(std::string path, expand_slice(unit.slice));
  if (user) {
    // "/user.slice/user-1000.slice/user@1000.service": a user's slices lie below it.
    HF_TRY(const std::string manager, ask({"manager", "", true, {}}));
    HF_TRY(const std::string prefix, clean_path(manager));
    path = prefix + path;
  }
  record.slice = unit.slice;
  record.unit = unit.name;
  place(record, host, fmt::format("{}/{}", path, unit.name));
  return {};
}

Result<> start_unit(const CgroupRecord& record, const oci::Resources& resources, pid_t pid) {
  if (pid <= 0) return error("start {}: a scope needs a process", record.unit);
  UnitRequest asked{"start", record.unit, record.rootless, scope_properties(record, pid)};
  HF_TRY(auto more, limits(record, resources, true));
  for (UnitProperty& each : more) asked.properties.push_back(std::move(each));
  return request(std::move(asked));
}

Result<> set_unit_properties(const CgroupRecord& record, const oci::Resources& resources) {
  HF_TRY(auto properties, limits(record, resources, !resources.devices.empty()));
  if (properties.empty()) return {};
  // On version 1 systemd denies all devices before it allows some again: nobody may notice.
  bool frozen = true;
  if (record.mode != HostFacts::Cgroup::kV2) {
    HF_TRY(frozen, is_frozen(record));
    if (!frozen) HF_DO(freeze(record));
  }
  auto done = request({"set", record.unit, record.rootless, std::move(properties)});
  if (!frozen)
    if (auto moving = thaw(record); !moving && done) return moving;
  return done;
}

Result<> stop_unit(const CgroupRecord& record) {
  return request({"stop", record.unit, record.rootless, {}});
}

}  // namespace holdfast::cgroup
