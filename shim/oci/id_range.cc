#include "shim/oci/id_range.h"

#include "profiles/policy/user_namespace.h"
#include "sandbox/launch/id_ranges.h"

namespace holdfast {

uint32_t id_range_of(const Plan& plan) {
  // An engine's own mapping is none of ours; neither is a pod's that is not of our shape.
  if (!plan.rootfs_idmap || plan.uid_mappings.size() != 1) return 0;
  const oci::IdMapping& map = plan.uid_mappings.front();
  return map.container_id == 0 && map.size == kIdRangeSize ? map.host_id : 0;
}

Result<uint32_t> take_id_range(Plan& plan, const StateDir& dir) {
  const bool own = needs_id_range(plan);
  const uint32_t shared = own ? 0 : id_range_of(plan);
  if (!own && shared == 0) return 0;
  HF_TRY(IdRanges ranges, IdRanges::open(kIdRangesDirectory));
  HF_TRY(const IdHolder holder, id_holder(dir.dir()));
  if (!own) {
    HF_DO(with_context(ranges.share(shared, holder), "user namespace"));
    return shared;
  }
  HF_TRY(const IdPool pool, with_context(host_id_pool(), "user namespace"));
  HF_TRY(const uint32_t first,
         with_context(ranges.claim(pool, holder, dir.id()), "user namespace"));
  assign_id_range(plan, first);
  return first;
}

Result<> release_id_range(uint32_t first, const StateDir& dir) {
  if (first == 0) return {};
  HF_TRY(IdRanges ranges, IdRanges::open(kIdRangesDirectory));
  HF_TRY(const IdHolder holder, id_holder(dir.dir()));
  return with_context(ranges.release(first, holder), "user namespace");
}

}  // namespace holdfast
