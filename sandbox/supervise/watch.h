// Watch: what the keeper and the supervisor of one container share: the plan and every descriptor that
// enforces it. Made by the keeper before the container runs, inherited by fork.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/event/event.h"
#include "core/plan/supervision.h"
#include "sandbox/supervise/exec_events.h"
#include "sandbox/supervise/grip.h"
#include "sandbox/supervise/network_watch.h"
#include "sandbox/supervise/recorder.h"

namespace holdfast {

enum class Frozen : uint32_t { kNot, kByResponse, kByLoss };

// In memory that both processes share.
struct Shared {
  std::atomic<int64_t> started{0};  // nanoseconds since 1970: what changed later has drifted
  std::atomic<Frozen> frozen{Frozen::kNot};
};

struct Watch {
  std::string id, profile, plan_digest;
  SupervisionPlan plan;
  pid_t init = 0;
  Grip grip;
  ExecEvents events;
  // Also of a const Watch: what it changes is memory that is shared anyway.
  mutable std::optional<NetworkEvents> network;
  std::vector<uint64_t> image_mounts;
  DirFd procfs;
  Fd control;        // listens: holdfastctl adopt, release
  Fd release_timer;  // ends a freeze
  Fd clock;          // tells that the clock was set
  Shared* shared = nullptr;
  Recorder recorder;

  // What every event of this container begins with.
  Event event(EventKind kind, std::string_view rule, Severity severity) const;
};

// Nanoseconds since 1970 by the clock that file systems stamp with.
int64_t file_clock();

}  // namespace holdfast
