#include "sandbox/kernel/cgroup/resources.h"

#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/place.h"
#include "sandbox/kernel/cgroup/systemd.h"

namespace holdfast {
namespace cgroup {
namespace {

Result<> write_one(const std::string& directory, const Write& each) {
  // io.max of version 2 refuses nothing; a file that may be elsewhere is looked for there.
  auto done = write_control(directory, each.file, each.value);
  if (!done && done.error().code == ENOENT && !each.other_file.empty())
    done = write_control(directory, each.other_file,
                         each.other_value.empty() ? each.value : each.other_value);
  return done;
}

// Tells what a bare "device or resource busy" or "invalid argument" hides.
Result<> explain(const std::string& directory, const Write& each, Result<> failed) {
  const int code = failed.error().code;
  if (code == EBUSY && each.file == "memory.limit_in_bytes") {
    HF_TRY(const auto usage, read_control(directory, "memory.usage_in_bytes"));
    HF_TRY(const auto peak, read_control(directory, "memory.max_usage_in_bytes"));
    return os_error_of(code,
                       "{}: unable to set memory limit to {} (current usage: {}, peak usage: {})",
                       each.field, each.value, usage.value_or("?"), peak.value_or("?"));
  }
  return with_context(std::move(failed), "{}: {}", each.field, each.value);
}

Result<> check_shares(const std::string& directory, const Write& each) {
  HF_TRY(const auto now, read_control(directory, each.file));
  const auto is = parse_number<uint64_t>(now.value_or(""));
  const auto asked = parse_number<uint64_t>(each.value);
  if (!is || !asked || *is == *asked) return {};
  return error("{}: the {} allowed cpu-shares is {}", each.field,
               *asked > *is ? "maximum" : "minimum", *is);
}

// Fills in "=" of cpu.max from what is set.
Result<std::string> complete_cpu_max(const std::string& directory, const std::string& value) {
  HF_TRY(const auto now, read_control(directory, "cpu.max"));
  const std::string set = now.value_or("max 100000");
  const auto is = split(set, ' ');
  const auto wanted = split(value, ' ');
  if (is.size() != 2 || wanted.size() != 2)
    return error("{}/cpu.max: unexpected content", directory);
  return fmt::format("{} {}", wanted[0] == "=" ? is[0] : wanted[0],
                     wanted[1] == "=" ? is[1] : wanted[1]);
}

// v1: memory must never exceed memory+swap, at no moment. Raising both begins with memory+swap.
Result<> order_memory(const CgroupRecord& record, std::vector<Write>& writes) {
  if (writes.size() < 2 || writes[0].file != "memory.limit_in_bytes" ||
      writes[1].file != "memory.memsw.limit_in_bytes")
    return {};
  const auto* memory = find_controller(record, "memory");
  if (!memory) return {};
  const auto swap = parse_number<int64_t>(writes[1].value);
  HF_TRY(const auto now, read_control(memory->directory, "memory.memsw.limit_in_bytes"));
  const auto current = parse_number<uint64_t>(now.value_or(""));
  if (swap && current && (*swap == -1 || static_cast<uint64_t>(*swap) > *current))
    std::swap(writes[0], writes[1]);
  return {};
}

const CgroupRecord::Directory* directory_of(const CgroupRecord& record, const Write& each,
                                            bool v2_only) {
  if (!v2_only)
    if (const auto* v1 = find_controller(record, each.controller)) return v1;
  return find_v2(record);
}

Result<> apply_writes(const CgroupRecord& record, const std::vector<Write>& writes, bool v2_only) {
  std::vector<std::pair<const CgroupRecord::Directory*, const Write*>> later;
  for (const Write& each : writes) {
    const auto* place = directory_of(record, each, v2_only);
    if (!place) return error("{}: the host has no {} controller", each.field, each.controller);
    Write write = each;
    if (each.file == "cpu.max" && each.value.find('=') != std::string::npos) {
      HF_TRY(write.value, complete_cpu_max(place->directory, each.value));
    }
    auto done = write_one(place->directory, write);
    if (done && each.file == "cpu.shares") done = check_shares(place->directory, each);
    if (done) continue;
    if (each.on_failure == OnFailure::kAbsentIsFine && done.error().code == ENOENT) continue;
    if (each.on_failure == OnFailure::kRetryLater && done.error().code == EINVAL) {
      later.emplace_back(place, &each);
      continue;
    }
    return explain(place->directory, each, std::move(done));
  }
  for (const auto& [place, write] : later)
    if (auto done = write_one(place->directory, *write); !done)
      return explain(place->directory, *write, std::move(done));
  return {};
}

// memory.checkBeforeUpdate: a limit below what is used would call the OOM killer.
Result<> check_usage(const CgroupRecord& record, const oci::Resources& resources) {
  const auto* v2 = find_v2(record);
  if (record.mode != HostFacts::Cgroup::kV2 || !v2 || !resources.memory ||
      !resources.memory->check_before_update.value_or(false))
    return {};
  const auto limit = resources.memory->limit.value_or(0);
  if (limit <= 0) return {};
  HF_TRY(const auto text, read_control(v2->directory, "memory.current"));
  const auto usage = parse_number<int64_t>(text.value_or(""));
  if (usage && limit < *usage)
    return error("linux.resources.memory.limit: rejecting memory limit {} below current usage {}",
                 limit, *usage);
  return {};
}

}  // namespace

Result<> apply_limits(const CgroupRecord& record, const oci::Resources& resources) {
  if (record.directories.empty()) return {};
  if (record.mode == HostFacts::Cgroup::kV2) {
    HF_DO(check_usage(record, resources));
    HF_TRY(const auto writes, v2_writes(resources));
    HF_DO(apply_writes(record, writes, true));
  } else {
    // Hybrid: what version 1 has not, hugetlb alone so far, is version 2's.
    const bool moved = !resources.hugepage_limits.empty() && !find_controller(record, "hugetlb");
    HF_TRY(auto writes, v1_writes(resources));
    if (moved)
      std::erase_if(writes, [](const Write& each) { return each.controller == "hugetlb"; });
    HF_DO(order_memory(record, writes));
    HF_DO(apply_writes(record, writes, false));
    if (moved) {
      HF_TRY(const auto hugetlb, hugetlb_v2_writes(resources));
      HF_DO(apply_writes(record, hugetlb, true));
    }
  }
  HF_TRY(const auto verbatim, unified_writes(resources));
  return apply_writes(record, verbatim, true);
}

}  // namespace cgroup

Result<> update_cgroups(const CgroupRecord& record, const oci::Resources& resources) {
  HF_DO(cgroup::check_controllers(record, resources));
  if (record.driver == CgroupDriver::kSystemd && !record.unit.empty())
    HF_DO(cgroup::set_unit_properties(record, resources));
  HF_DO(cgroup::apply_limits(record, resources));
  if (resources.devices.empty()) return {};
  return cgroup::apply_devices(record, resources.devices);
}

}  // namespace holdfast
