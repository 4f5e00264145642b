// The keeper: holds every descriptor that enforces, so that the supervisor's end opens nothing, and brings a new
// supervisor about when it is asked to.
#pragma once

#include "sandbox/supervise/loss.h"
#include "sandbox/supervise/watch.h"

namespace holdfast {

// main() of holdfast-supervisor: becomes the keeper of the container that the runtime tells of over
// `channel`.
int keeper_main(Fd channel);

// Forks a supervisor that is ready.
Result<Child> start_supervisor(Watch& watch);
// Waits for the end of the supervisor, of the container, for requests.
int keep(Watch& watch, Child supervisor);

}  // namespace holdfast
