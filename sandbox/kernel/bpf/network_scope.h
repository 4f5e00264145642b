// What a plan says of a container's network, as the BPF programs read it. Pure.
//
//   HF_TRY(hf_net_scope scope, network_scope(plan, cgroup_id, slot));
//   for (const NetworkHook* hook : network_hooks(supervision)) attach(hook->program, hook->type)
#pragma once

#include <linux/bpf.h>

#include <vector>

#include "core/base/result.h"
#include "core/plan/supervision.h"
#include "sandbox/kernel/bpf/network_abi.h"

namespace holdfast {

// A program and where it is attached.
struct NetworkHook {
  const char* program;  // its name, which is that of its pin
  bpf_attach_type type;
};

// The programs that the plan needs; none where it has nothing to say of the network.
std::vector<const NetworkHook*> network_hooks(const SupervisionPlan& plan);

// An error if the rules do not fit.
Result<hf_net_scope> network_scope(const NetworkPlan& plan, uint64_t cgroup, uint32_t slot);

}  // namespace holdfast
