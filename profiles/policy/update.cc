#include "profiles/policy/context.h"
#include "profiles/policy/resources.h"

namespace holdfast {
namespace {

// Engines write 0 for what they leave alone.
template <class T>
void drop_zero(std::optional<T>& value) {
  if (value && *value == 0) value.reset();
}

}  // namespace

Result<oci::Resources> resolve_update(const Plan& stored, const oci::Resources& asked,
                                      const Policy& current) {
  oci::Resources delta = asked;
  // The device rules of a container are decided when it is created.
  delta.devices.clear();
  if (delta.memory) {
    drop_zero(delta.memory->limit);
    drop_zero(delta.memory->reservation);
    drop_zero(delta.memory->swap);
    drop_zero(delta.memory->kernel);
    drop_zero(delta.memory->kernel_tcp);
  }
  if (delta.cpu) {
    drop_zero(delta.cpu->shares);
    drop_zero(delta.cpu->period);
    drop_zero(delta.cpu->quota);
    drop_zero(delta.cpu->realtime_period);
    drop_zero(delta.cpu->realtime_runtime);
  }
  if (delta.block_io) {
    drop_zero(delta.block_io->weight);
    drop_zero(delta.block_io->leaf_weight);
  }
  if (delta.pids) {
    drop_zero(delta.pids->limit);
    const Judge judge(current);
    const bool had =
        stored.cgroup.resources.pids && stored.cgroup.resources.pids->limit.value_or(-1) > 0;
    // A limit that the profile insists on is not lifted by an update.
    if (had && judge.enforcing() && delta.pids->limit)
      if (const auto limit = pids_limit_instead(judge, delta.pids->limit))
        delta.pids->limit = *limit;
    if (!delta.pids->limit) delta.pids.reset();
  }
  return delta;
}

}  // namespace holdfast
