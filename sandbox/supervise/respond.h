// Responses to a container as a whole. Each looks at its own effect; what came of it is an event.
//
//   watch.recorder.record(respond(watch, Response::kFreeze, cause, 600));
//   watch.recorder.record(release(watch, "holdfastctl release"));
#pragma once

#include <string_view>

#include "sandbox/supervise/watch.h"

namespace holdfast {

// kFreeze, kIsolate or kKillContainer, because of `cause`. A container that cannot be frozen is killed,
// one that cannot be cut off from the network frozen.
// `release_after` seconds a freeze ends; 0: when somebody releases it.
Event respond(const Watch& watch, Response response, const Event& cause, uint32_t release_after);
// The same, for who has to answer fanotify while processes come to rest.
Event respond(const Watch& watch, Response response, const Event& cause, uint32_t release_after,
              void (*meanwhile)(const Watch&));

// Ends a freeze, and an isolation where `reconnect`; `disposition` of the event tells whether.
Event release(const Watch& watch, std::string_view by, bool reconnect = true);

// A process that was killed: whether it has ended.
Event confirm_killed(const Watch& watch, const Fd& process, const Event& cause);

}  // namespace holdfast
