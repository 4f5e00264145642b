// SELinux: the engine's label and its pair of categories as asked; a pair of the container's own where
// the engine gives no label and the root can be used under one.
#include "profiles/policy/context.h"

namespace holdfast {
namespace {

constexpr std::string_view kControl = "seLinux";
constexpr std::string_view kProcess = "system_u:system_r:container_t:s0";
constexpr std::string_view kFiles = "system_u:object_r:container_file_t:s0";

bool is_unconfined(std::string_view label) {
  return label.empty() || label.find(":spc_t:") != label.npos ||
         label.find(":unconfined_t:") != label.npos;
}

// "user:role:type:level" -> type and level, which may hold colons.
struct Label {
  std::string_view type, level;
};
Label parts_of(std::string_view label) {
  for (int skipped = 0; skipped < 2; ++skipped) {
    const size_t colon = label.find(':');
    if (colon == label.npos) return {};
    label.remove_prefix(colon + 1);
  }
  const size_t colon = label.find(':');
  if (colon == label.npos) return {label, {}};
  return {label.substr(0, colon), label.substr(colon + 1)};
}

// Why a label of ours cannot be applied; empty: it can.
std::string obstacle(const ResolveContext& c) {
  if (!c.facts.selinux) return "this kernel has no SELinux";
  if (c.request.rootless) return "only root of the host knows which categories are taken";
  if (!c.request.selinux.knows_containers)
    return "the loaded SELinux policy has no type container_t (holdfast_container.cil has it)";
  const std::string& root = c.request.selinux.root_label;
  const Label label = parts_of(root);
  const bool ours = label.type == "container_file_t" || label.type == "container_ro_file_t" ||
                    label.type == "container_share_t";
  if (!ours || label.level != "s0")
    return fmt::format(
        "the root is labelled {}, which a container of its own label cannot use: let "
        "the engine label both (docker --selinux-enabled)",
        root.empty() ? "nothing" : root);
  return {};
}

void keep_engines(ResolveContext& c, std::string_view why) {
  const std::string& asked = c.plan.process.selinux_label;
  if (!c.facts.selinux)
    c.judge.impossible(kControl, asked, "", "this kernel has no SELinux");
  else if (is_unconfined(asked))
    c.judge.warned(RuleId::kSelinux, kControl, asked.empty() ? "none" : asked,
                   why.empty() ? rule_of(RuleId::kSelinux).fix : why);
  else
    c.judge.kept(kControl, asked, why);
}

// Members of a pod share files and memory: they share its label.
bool join_pod(ResolveContext& c) {
  const std::string& pod = c.request.selinux.pod_label;
  const Label label = parts_of(pod);
  if (label.type != "container_t" || label.level.find(':') == label.level.npos) return false;
  if (c.judge.tighten(RuleId::kSelinux, kControl, "none", pod,
                      "that of the container whose IPC namespace it joins")) {
    c.plan.process.selinux_label = pod;
    c.plan.mount_label = fmt::format("system_u:object_r:container_file_t:{}", label.level);
  }
  return true;
}

}  // namespace

Result<bool> resolve_selinux(ResolveContext& c) {
  std::string& label = c.plan.process.selinux_label;
  label = c.spec.process->selinux_label;
  if (!c.facts.selinux && !label.empty())
    return error("process.selinuxLabel: \"{}\" is asked for, but this kernel has no SELinux",
                 label);

  const Requirement wanted = c.judge.wanted(c.judge.profile().se_linux, RuleId::kSelinux, kControl);
  if (wanted == Requirement::kOff || !label.empty()) {
    keep_engines(c, "");
    return false;
  }
  if (c.privileged) {
    keep_engines(c, "privileged: run as asked");
    return false;
  }
  if (const std::string why_not = obstacle(c); !why_not.empty()) {
    c.judge.unavailable(wanted, kControl, why_not);
    return false;
  }
  if (join_pod(c)) return false;
  if (!c.judge.tighten(RuleId::kSelinux, kControl, "none",
                       fmt::format("{} and categories of its own", kProcess),
                       "no other container has them, so none reaches its files"))
    return false;
  label = kProcess;
  c.plan.mount_label = kFiles;
  return true;
}

}  // namespace holdfast
