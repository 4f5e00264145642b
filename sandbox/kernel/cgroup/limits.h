// linux.resources as the writes to control files that they are: pure, tested without a kernel.
//
//   HF_TRY(std::vector<Write> writes, v1_writes(resources));
//   HF_DO(apply_writes(record, writes));                 // in this order
//
// Zero means "leave as it is" where the specification has no use for it: engines send zeros for
// what they do not set. kernel and kernelTCP are ignored, as the kernel has dropped these controls.
#pragma once

#include <string>
#include <vector>

#include "sandbox/kernel/cgroup.h"

namespace holdfast::cgroup {

// What to do when a write fails in a way that need not be the end.
enum class OnFailure {
  kReport,
  kRetryLater,    // EINVAL: written again after the rest of its controller (period, quota and burst
                  // must fit at every moment)
  kAbsentIsFine,  // ENOENT: the host's kernel has no such control, and what is asked holds anyway
};

struct Write {
  std::string controller;  // "memory", "io": v1 and v2 names as the mode has them
  std::string file;        // "memory.max"
  std::string value;
  std::string field;  // "linux.resources.memory.limit"
  OnFailure on_failure = OnFailure::kReport;
  std::string other_file;   // tried where `file` does not exist: blkio.bfq.weight
  std::string other_value;  // its value where it differs
};

Result<std::vector<Write>> v1_writes(const oci::Resources& resources);
// Without `unified`, which comes last.
Result<std::vector<Write>> v2_writes(const oci::Resources& resources);
Result<std::vector<Write>> hugetlb_v2_writes(const oci::Resources& resources);
// `unified`, verbatim; only names of resource files: "CONTROLLER.PARAMETER".
Result<std::vector<Write>> unified_writes(const oci::Resources& resources);

// cpu.weight of cpu.shares: 2 -> 1, 1024 -> 100, 262144 -> 10000, logarithmic in between
// (runc 1.4 and crun 1.24; runc before that mapped 1024 to 39).
uint64_t cpu_weight(uint64_t shares);
// io.weight of blkio.weight: 10..1000 -> 1..10000.
uint64_t io_weight(uint64_t weight);
// memory.swap.max of memory+swap: what remains above `memory`; "" for "not asked".
Result<std::string> swap_max(int64_t memory_and_swap, int64_t memory);

// "mlx5_1 hca_handle=2 hca_object=2000"
std::string rdma_value(const std::string& device, const oci::RdmaLimit& limit);
// A page size becomes part of a file name: "2MB", "1GB", "64KB" and nothing else.
Result<> check_page_size(const std::string& size);

}  // namespace holdfast::cgroup
