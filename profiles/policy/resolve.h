// resolve: Spec x Policy x Facts -> Plan, or every violation at once. Pure: no system calls.
//
//   HF_TRY(Policy policy, decode_policy(text, "/etc/holdfast/policy.json"));
//   HF_TRY(Resolved r, resolve({.id = "c1", .bundle = "/run/b"}, spec, policy, facts));
//   // r.plan is applied; r.filters are compiled (or taken from the cache) and loaded in order
//
// The merge only tightens: nothing in the plan allows more than the spec asked for or than the
// profile permits. A refusal is an Error whose text lists every violation:
//   refused by policy (policy.json, profile restricted): adds capability SYS_ADMIN [HF-C003]; ...
#pragma once

#include <string>
#include <vector>

#include "core/oci/spec.h"
#include "core/plan/plan.h"
#include "profiles/policy/policy.h"

namespace holdfast {

// What the command line adds to the spec.
struct Request {
  std::string id;
  std::string bundle;  // absolute
  CgroupDriver cgroup_driver = CgroupDriver::kCgroupfs;
  bool rootless = false;
  bool no_pivot = false;
  bool new_keyring = true;
  uint32_t preserve_fds = 0;
};

// A filter to compile: the description that the cache's key is made of.
struct FilterSource {
  FilterPlan plan;       // digest and instructions still empty
  oci::Seccomp seccomp;  // what to compile
};

struct Resolved {
  Plan plan;
  std::vector<FilterSource> filters;  // in the order of loading
};

Result<Resolved> resolve(const Request& request, const oci::Spec& spec, const Policy& policy,
                         const HostFacts& facts);

// exec: what the process asks, no more than the stored plan allows and the current policy permits.
Result<ProcessPlan> resolve_exec(const Plan& stored, const oci::Process& asked,
                                 const Policy& current, const HostFacts& facts);

// update: the stored plan's limits with what is asked, under the current policy.
Result<oci::Resources> resolve_update(const Plan& stored, const oci::Resources& asked,
                                      const Policy& current);

}  // namespace holdfast
