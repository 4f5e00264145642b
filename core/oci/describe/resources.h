// config.json: linux.resources, and update's document (config-linux.md#control-groups).
#pragma once

#include "core/oci/describe/common.h"

namespace holdfast::oci {

template <class V>
void describe(V& v, DeviceRule& r) {
  v.required("allow", r.allow);
  v.field("type", r.type);
  v.field("major", r.major);
  v.field("minor", r.minor);
  v.field("access", r.access);
  v.check(one_of(r.type, {"", "a", "b", "c"}), "type", "expected \"a\", \"b\" or \"c\"");
  v.check(r.access.find_first_not_of("rwm") == r.access.npos, "access",
          "expected letters of \"rwm\"");
}

template <class V>
void describe(V& v, MemoryResources& m) {
  v.field("limit", m.limit);
  v.field("reservation", m.reservation);
  v.field("swap", m.swap);
  v.field("kernel", m.kernel);
  v.field("kernelTCP", m.kernel_tcp);
  v.field("swappiness", m.swappiness);
  v.field("disableOOMKiller", m.disable_oom_killer);
  v.field("useHierarchy", m.use_hierarchy);
  v.field("checkBeforeUpdate", m.check_before_update);
}

template <class V>
void describe(V& v, CpuResources& c) {
  v.field("shares", c.shares);
  v.field("quota", c.quota);
  v.field("burst", c.burst);
  v.field("period", c.period);
  v.field("realtimeRuntime", c.realtime_runtime);
  v.field("realtimePeriod", c.realtime_period);
  v.field("cpus", c.cpus);
  v.field("mems", c.mems);
  v.field("idle", c.idle);
  v.check(is_number_list(c.cpus), "cpus", "expected a list of CPUs such as \"0-3,7\"");
  v.check(is_number_list(c.mems), "mems", "expected a list of nodes such as \"0-3,7\"");
}

template <class V>
void describe(V& v, PidsResources& p) {
  v.field("limit", p.limit);
}

template <class V>
void describe(V& v, WeightDevice& d) {
  v.required("major", d.major);
  v.required("minor", d.minor);
  v.field("weight", d.weight);
  v.field("leafWeight", d.leaf_weight);
}

template <class V>
void describe(V& v, ThrottleDevice& d) {
  v.required("major", d.major);
  v.required("minor", d.minor);
  v.required("rate", d.rate);
}

template <class V>
void describe(V& v, BlockIoResources& b) {
  v.field("weight", b.weight);
  v.field("leafWeight", b.leaf_weight);
  v.field("weightDevice", b.weight_device);
  v.field("throttleReadBpsDevice", b.throttle_read_bps);
  v.field("throttleWriteBpsDevice", b.throttle_write_bps);
  v.field("throttleReadIOPSDevice", b.throttle_read_iops);
  v.field("throttleWriteIOPSDevice", b.throttle_write_iops);
}

// "<number><unit prefix>B", as the names of the hugetlb files have it: "64KB", "2MB", "1GB".
inline bool is_page_size(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  return digits > 0 && one_of(text.substr(digits), {"KB", "MB", "GB", "TB"});
}

template <class V>
void describe(V& v, HugepageLimit& h) {
  v.required("pageSize", h.page_size);
  v.required("limit", h.limit);
  v.check(is_page_size(h.page_size), "pageSize", "expected a page size such as \"2MB\"");
}

template <class V>
void describe(V& v, InterfacePriority& p) {
  v.required("name", p.name);
  v.required("priority", p.priority);
}

template <class V>
void describe(V& v, NetworkResources& n) {
  v.field("classID", n.class_id);
  v.field("priorities", n.priorities);
}

template <class V>
void describe(V& v, RdmaLimit& r) {
  v.field("hcaHandles", r.hca_handles);
  v.field("hcaObjects", r.hca_objects);
}

template <class V>
void describe(V& v, Resources& r) {
  v.field("devices", r.devices);
  v.field("memory", r.memory);
  v.field("cpu", r.cpu);
  v.field("pids", r.pids);
  v.field("blockIO", r.block_io);
  v.field("hugepageLimits", r.hugepage_limits);
  v.field("network", r.network);
  v.field("rdma", r.rdma);
  v.field("unified", r.unified);
}

}  // namespace holdfast::oci
