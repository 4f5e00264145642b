// Network control where no cgroup of version 2 exists: nftables in the container's own network namespace.
//
//   HF_DO(apply_nftables(plan, netns));        // replaces what stands there of ours
//   HF_DO(compare_nftables(plan, netns));      // an error if other rules stand there
//
// Packets that no rule allows are dropped; answers to what is allowed pass (conntrack). A process with
// CAP_NET_ADMIN in the namespace can take it all away.
#pragma once

#include <string>

#include "core/base/fd.h"
#include "core/plan/supervision.h"

namespace holdfast {

// The rules as nft(8) reads them. Pure.
std::string nftables_rules(const NetworkPlan& plan);

// Whether the kernel has nf_tables; whoever asks has CAP_NET_ADMIN.
bool nftables_available();

// `netns`: a descriptor of the network namespace.
Result<> apply_nftables(const NetworkPlan& plan, const Fd& netns);
Result<> compare_nftables(const NetworkPlan& plan, const Fd& netns);

}  // namespace holdfast
