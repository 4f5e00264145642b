// Network control of a container by BPF programs on its cgroup of version 2 (docs/adr/0210).
//
//   HF_DO(apply_network(*plan.supervision, record));    // the cgroup is made and still empty
//   HF_DO(examine_network(found, *plan.supervision, record));
//
// What is attached holds for every process that is ever in the cgroup or beneath it, needs nobody to live,
// and goes with the cgroup.
#pragma once

#include "core/plan/supervision.h"
#include "sandbox/kernel/bpf/bpf_call.h"
#include "sandbox/kernel/bpf/network_abi.h"
#include "sandbox/kernel/cgroup.h"

namespace holdfast {

// Why this host cannot; empty: it can.
std::string network_obstacle();

// Attaches the programs and writes the rules; nothing where the plan needs none of them.
Result<> apply_network(const SupervisionPlan& plan, const CgroupRecord& record);

// What differs between the plan and what is attached, in words; empty: nothing.
Result<std::string> compare_network(const SupervisionPlan& plan, const CgroupRecord& record);

// The maps of the programs that are attached to a container's cgroup: of whichever release loaded them.
struct NetworkMaps {
  uint64_t cgroup = 0;  // id
  Fd scopes, slots, rings;
  std::vector<std::string> programs;  // names
};
// Code ENOENT where none of ours is attached.
Result<NetworkMaps> network_maps(const Fd& cgroup);

// Its storage as it is.
Result<hf_net_scope> read_scope(const NetworkMaps& maps);

}  // namespace holdfast
