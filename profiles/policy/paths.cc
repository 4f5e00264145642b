#include <algorithm>

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

// What Docker hides, old releases and new ones together. One that a kernel has not is no error.
constexpr std::string_view kMasked[] = {
    "/proc/acpi",       "/proc/asound",        "/proc/interrupts",  "/proc/kcore",
    "/proc/keys",       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats",   "/sys/firmware",     "/sys/devices/virtual/powercap",
};
constexpr std::string_view kReadonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                          "/proc/sysrq-trigger"};

bool contains(const oci::Strings& list, std::string_view path) {
  return std::find(list.begin(), list.end(), path) != list.end();
}

void complete(ResolveContext& c, RuleId rule, std::string_view control,
              std::span<const std::string_view> standard, oci::Strings& paths) {
  std::string missing;
  for (const std::string_view path : standard) {
    if (contains(paths, path) || contains(c.plan.masked_paths, path)) continue;
    if (!missing.empty()) missing += ", ";
    missing += path;
  }
  const std::string asked = fmt::format("{} paths", paths.size());
  if (missing.empty()) {
    c.judge.kept(control, asked);
    return;
  }
  if (c.privileged) {
    c.judge.kept(control, asked, "privileged");
    return;
  }
  const Exception* exception = c.judge.exception("unmasked-paths");
  if (!exception) exception = c.judge.exception("nested-containers");
  if (exception) {
    c.judge.excepted(rule, control, asked, *exception);
    return;
  }
  if (!c.judge.tighten(rule, control, asked, "+" + missing, rule_of(rule).fix)) return;
  for (const std::string_view path : standard)
    if (!contains(paths, path) && !contains(c.plan.masked_paths, path)) paths.emplace_back(path);
}

}  // namespace

void resolve_paths(ResolveContext& c) {
  c.plan.masked_paths = c.spec.linux_.masked_paths;
  c.plan.readonly_paths = c.spec.linux_.readonly_paths;
  complete(c, RuleId::kMaskedPaths, "maskedPaths", kMasked, c.plan.masked_paths);
  complete(c, RuleId::kReadonlyPaths, "readonlyPaths", kReadonly, c.plan.readonly_paths);
}

}  // namespace holdfast
