#include <algorithm>

#include "profiles/policy/context.h"

namespace holdfast {
namespace {

bool contains(const oci::Strings& list, std::string_view path) {
  return std::find(list.begin(), list.end(), path) != list.end();
}

void complete(ResolveContext& c, RuleId rule, std::string_view control, const Paths& standard,
              oci::Strings& paths) {
  std::string missing;
  for (const std::string& path : standard) {
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
  const Grant* exception = c.judge.exception("maskedPaths");
  if (!exception) exception = c.judge.exception("nestedContainers");
  if (exception) {
    c.judge.excepted(rule, control, asked, *exception);
    return;
  }
  if (!c.judge.tighten(rule, control, asked, "+" + missing, rule_of(rule).fix)) return;
  for (const std::string& path : standard)
    if (!contains(paths, path) && !contains(c.plan.masked_paths, path)) paths.emplace_back(path);
}

}  // namespace

void resolve_paths(ResolveContext& c) {
  c.plan.masked_paths = c.spec.linux_.masked_paths;
  c.plan.readonly_paths = c.spec.linux_.readonly_paths;
  complete(c, RuleId::kMaskedPaths, "maskedPaths", c.judge.profile().masked_paths,
           c.plan.masked_paths);
  complete(c, RuleId::kReadonlyPaths, "readonlyPaths", c.judge.profile().readonly_paths,
           c.plan.readonly_paths);
}

}  // namespace holdfast
