// Which devices a container may use, as one set: pure, tested without a kernel.
//
//   HF_TRY(DeviceSet set, device_set(resources.devices));
//   v1: to_lines(set)        v2: device_program(set)        both decide as permits(set, ...) does
//
// Rules are taken in order as the v1 controller takes them
// (Documentation/admin-guide/cgroup-v1/devices.rst): a rule of type "a" starts anew; any other one
// adds an exception to the default or takes one back. The kernel ignores a rule that would take a
// part out of a wildcard: here it is an error, as in runc. An allowing rule of type "a" that is
// limited to numbers or to some access means exactly these devices (the kernel would allow all).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/oci/spec.h"

namespace holdfast::cgroup {

inline constexpr uint8_t kMknod = 1, kRead = 2, kWrite = 4;  // BPF_DEVCG_ACC_*
inline constexpr uint8_t kAllAccess = kMknod | kRead | kWrite;

struct DeviceException {
  char type = 'c';     // 'b' or 'c'
  int64_t major = -1;  // -1: any
  int64_t minor = -1;
  uint8_t access = 0;
};

struct DeviceSet {
  bool allow = false;  // what holds for a device that no exception names
  std::vector<DeviceException> exceptions;
};

// All denied, then `rules`, then the runtime's own (cgroup.h).
Result<DeviceSet> device_set(const std::vector<oci::DeviceRule>& rules);

// The set that the content of devices.list stands for.
Result<DeviceSet> parse_list(std::string_view text);

bool permits(const DeviceSet& set, char type, int64_t major, int64_t minor, uint8_t access);

std::string to_line(const DeviceException& exception);  // "c 1:3 rwm"

// bpf_insn, as the kernel wants them.
struct Instruction {
  uint8_t code = 0;
  uint8_t registers = 0;  // destination in the low four bits, source in the high four
  int16_t offset = 0;
  int32_t immediate = 0;
};
std::vector<Instruction> device_program(const DeviceSet& set);

// Loads the program of the set and attaches it to the v2 directory; a program of ours that is
// attached already is replaced in one step, programs of others (systemd's) stay.
Result<> attach_device_program(const std::string& directory, const DeviceSet& set);

// What differs from attach_device_program() having done that; "" if nothing does. Without `instructions`
// only whether one of ours is attached: the comparison loads the set's program once more.
Result<std::string> compare_device_program(const std::string& directory, const DeviceSet& set,
                                           bool instructions);

}  // namespace holdfast::cgroup
