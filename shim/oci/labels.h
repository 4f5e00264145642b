// The labels of a container that are of our making: an AppArmor profile in the kernel, SELinux categories.
//
//   HF_TRY(state.apparmor, take_labels(plan, resolved.apparmor, resolved.wants_categories, dir));
//
//   HF_DO(release_labels(state, dir));
//
// Where the plan has no label nothing is looked at.
#pragma once

#include <string>

#include "core/plan/plan.h"
#include "profiles/policy/apparmor_profile.h"
#include "sandbox/launch/state_store.h"

namespace holdfast {

// Loads the profile and enters the categories into the plan; before the plan is stored. The label of our
// profile, which the program is to be seen with once it runs; empty: none.
Result<std::string> take_labels(Plan& plan, const AppArmorProfile& profile, bool wants_categories,
                                const StateDir& dir);

// When the container's processes have ended.
Result<> release_labels(const ContainerState& state, const StateDir& dir);

}  // namespace holdfast
