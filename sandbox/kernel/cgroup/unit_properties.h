// linux.resources as properties of a systemd unit: pure, tested without systemd.
//
// systemd writes its own idea of a unit's limits again whenever it is told to reload, so it must know
// ours; what it has no property for is written to the cgroup afterwards all the same. Needs systemd 244.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/cgroup/device_rules.h"
#include "sandbox/kernel/cgroup/systemd_request.h"

namespace holdfast::cgroup {

// What makes the scope: slice, process, delegation, accounting.
std::vector<UnitProperty> scope_properties(const CgroupRecord& record, pid_t pid);

// The limits; version 1 and hybrid have other names than version 2.
Result<std::vector<UnitProperty>> resource_properties(const oci::Resources& resources, bool v2);

// DevicePolicy and DeviceAllow. `devices` is the content of /proc/devices, which names the group of a
// major number. Not expressible in systemd, and left to our own rules: "any major, this minor".
std::vector<UnitProperty> device_properties(const DeviceSet& set, std::string_view devices);

// "0-2,7" as systemd's bit mask in bytes, lowest first: {0x87}.
Result<std::vector<std::string>> cpu_mask(std::string_view list);

}  // namespace holdfast::cgroup
