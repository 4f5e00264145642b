// Which containers have which AppArmor profile of ours, so that profiles that nobody has any more leave the
// kernel: how many there are must not grow with every kind of container that a node has ever seen.
//
//   HF_TRY(const IdHolder holder, id_holder(state_directory));
//   HF_TRY(std::string problem, claim_profile(label, holder));   // before it is loaded
//   HF_DO(release_profile(label, holder));                       // when the container is deleted
//
// A profile that is had is a directory with one symbolic link for each container, to its state directory, as
// for host ids (id_ranges.h):
//
//   /run/holdfast/.profiles/:holdfast:holdfast-1f0c8a3e…/0.44-1093 -> /run/docker/runtime-runc/moby/3f2a…
//
// A link whose state directory has gone stands for nothing. All of it happens under one lock.
#pragma once

#include <string>

#include "sandbox/launch/id_ranges.h"

namespace holdfast {

inline constexpr const char* kProfileClaims = "/run/holdfast/.profiles";
// So many may stay without anybody: most containers are like one that was there before.
inline constexpr size_t kProfilesKept = 64;

// What went wrong in taking others out of the kernel is no error but what comes back.
Result<std::string> claim_profile(const std::string& label, const IdHolder& holder,
                                  const std::string& directory = kProfileClaims,
                                  size_t kept = kProfilesKept);

// What is not claimed is no error.
Result<> release_profile(const std::string& label, const IdHolder& holder,
                         const std::string& directory = kProfileClaims);

}  // namespace holdfast
