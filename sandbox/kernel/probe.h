// What this host can do, as data for resolve() and `holdfastctl doctor`.
#pragma once

#include "core/plan/plan.h"

namespace holdfast {

// Cheap enough for every create: a handful of reads.
Result<HostFacts> probe_host();

}  // namespace holdfast
