// Programs that the engine has run around the container: whose they are, and how long they may take.
// What can only be seen on the host is looked at when they run (sandbox/launch/hooks.h).
#include <sys/mount.h>

#include <algorithm>
#include <limits>

#include "core/plan/mount_options.h"
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

bool is_within(std::string_view directory, std::string_view path) {
  if (directory.empty()) return false;
  if (directory == "/" || directory == path) return true;
  return path.starts_with(directory) && path[directory.size()] == '/';
}

// dockerd's own: it has the network of the container set up by itself.
bool is_dockerds(const oci::Hook& hook) {
  if (!hook.path.starts_with("/proc/") || !hook.path.ends_with("/exe") || hook.args.empty())
    return false;
  const std::string_view pid = std::string_view(hook.path).substr(6, hook.path.size() - 10);
  return !pid.empty() && pid.find_first_not_of("0123456789") == pid.npos &&
         hook.args[0] == "libnetwork-setkey";
}

// A place that the container can write to: it would choose what the host runs.
std::string writable_place(const ResolveContext& c, const oci::Hook& hook) {
  const std::string path = clean_path(hook.path);
  if (is_within(c.plan.rootfs, path)) return "the container's root";
  if (c.privileged || !c.judge.profile().hooks.trusted) return "";
  for (const MountPlan& mount : c.plan.mounts) {
    const uint64_t flags = (mount.attr_set | mount.recursive_attr_set) & ~mount.attr_clear;
    if (!mount.bind || (flags & MOUNT_ATTR_RDONLY)) continue;
    const auto source = c.request.sources.find(mount.source);
    if (is_within(clean_path(mount.source), path) ||
        (source != c.request.sources.end() && is_within(source->second.real_path, path)))
      return fmt::format("what is mounted on {}", mount.destination);
  }
  return "";
}

void judge_place(ResolveContext& c, const oci::Hook& hook) {
  const std::string place = writable_place(c, hook);
  if (place.empty()) return;
  const std::string phrase = fmt::format("runs hook {} from {}", hook.path, place);
  c.judge.refuse(RuleId::kHooks, "hooks", hook.path, phrase);
}

// What the list of allowed programs says of this one.
void judge_listed(ResolveContext& c, oci::Hook& hook) {
  const auto& allowed = c.judge.profile().hooks.allow;
  if (!allowed || is_dockerds(hook)) return;
  const auto rule = std::find_if(allowed->begin(), allowed->end(),
                                 [&](const HookRule& each) { return each.path == hook.path; });
  if (rule != allowed->end()) {
    if (c.judge.enforcing()) hook.sha256 = rule->sha256;
    return;
  }
  c.judge.gate(Access::kDeny, c.judge.exception("hooks", hook.path), RuleId::kHooks, "hooks",
               hook.path, fmt::format("runs hook {}", hook.path), "");
}

void limit_time(ResolveContext& c, oci::Hook& hook) {
  const auto& most = c.judge.profile().hooks.timeout;
  if (!most || (hook.timeout && *hook.timeout <= most->value)) return;
  const auto seconds =
      static_cast<int32_t>(std::min<int64_t>(most->value, std::numeric_limits<int32_t>::max()));
  const std::string asked =
      hook.timeout ? fmt::format("{} s for {}", *hook.timeout, hook.path) : "no timeout";
  if (c.judge.tighten(RuleId::kHooks, "hooks", asked, fmt::format("{} s", seconds),
                      "a hook that hangs holds its container up"))
    hook.timeout = seconds;
}

}  // namespace

void resolve_hooks(ResolveContext& c) {
  oci::Hooks& hooks = c.plan.hooks;
  hooks = c.spec.hooks;
  size_t count = hooks.start_container.size();
  for (auto* list : {&hooks.prestart, &hooks.create_runtime, &hooks.create_container,
                     &hooks.poststart, &hooks.poststop}) {
    for (oci::Hook& hook : *list) {
      ++count;
      hook.trusted = c.judge.enforcing() && c.judge.profile().hooks.trusted &&
                     !c.judge.exception("hooks", hook.path);
      hook.sha256.clear();
      judge_place(c, hook);
      judge_listed(c, hook);
      limit_time(c, hook);
    }
  }
  // These run in the container, as the container's program.
  for (oci::Hook& hook : hooks.start_container) {
    hook.trusted = false;
    hook.sha256.clear();
    limit_time(c, hook);
  }
  if (count > 0) c.judge.kept("hooks", fmt::format("{}", count));
}

}  // namespace holdfast
