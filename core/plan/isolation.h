// Whether a container may have to be cut off from the network while it runs.
#pragma once

#include "core/plan/supervision.h"

namespace holdfast {

// Whether any event is answered by Response::kIsolate.
bool isolates(const SupervisionPlan& plan);

}  // namespace holdfast
