#include "sandbox/kernel/bpf/network_control.h"
#include "sandbox/kernel/nftables.h"
#include "sandbox/kernel/verify_internal.h"

namespace holdfast::verify {

Result<> examine_network(Findings& found, const Examinee& subject, const DirFd& procfs) {
  // A further process is held to it by being where the first one is.
  if (!subject.plan.supervision || !subject.plan.supervision->network || subject.init > 0)
    return {};
  const SupervisionPlan& plan = *subject.plan.supervision;
  if (plan.network->mechanism == Mechanism::kNftables) {
    found.begin("network");
    HF_TRY(const Fd netns, procfs.open_at(fmt::format("{}/ns/net", subject.pid), O_RDONLY));
    if (auto same = compare_nftables(*plan.network, netns); !same)
      found.differ("{}", same.error().message);
    return {};
  }
  if (!subject.cgroups) return {};
  found.begin("network");
  HF_TRY(const std::string difference, compare_network(plan, *subject.cgroups));
  if (!difference.empty()) found.differ("{}", difference);
  return {};
}

}  // namespace holdfast::verify
