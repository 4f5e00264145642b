// The host ids of a container whose user namespace is of our making.
//
//   HF_TRY(state.id_range, take_id_range(plan, dir));      // before anything has the ids
//   HF_DO(release_id_range(state.id_range, dir));          // once nothing has them any more
#pragma once

#include "core/plan/plan.h"
#include "sandbox/launch/state_store.h"

namespace holdfast {

// Claims a range if the plan needs one and enters it, or joins the claim of the plan's pod. The first
// id of what the container holds now; 0: nothing, and nothing is needed.
Result<uint32_t> take_id_range(Plan& plan, const StateDir& dir);

// Of 0, or of a range that it does not hold: nothing.
Result<> release_id_range(uint32_t first, const StateDir& dir);

// The range that such a plan's container holds; 0: none.
uint32_t id_range_of(const Plan& plan);

}  // namespace holdfast
