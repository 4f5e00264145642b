// The supervisor: records and responds, while a thread of its own decides. Forked by the keeper, confined as it.
#pragma once

#include "sandbox/supervise/watch.h"

namespace holdfast {

// Runs until the container ends; `keeper` is a pidfd of the keeper. `ready` is called when everything is
// watched. Returns the process's exit status.
int supervise(Watch& watch, const Fd& keeper, Fd ready);

}  // namespace holdfast
