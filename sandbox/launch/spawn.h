// Executes this binary again as "holdfast-init", from a mount that nobody can write through.
//
//   HF_TRY(SpawnedStage stage, spawn_stage(preserve_fds));   // early: it starts while we decide
//   HF_TRY(Launched c, launch(std::move(stage), ...));
//
// CVE-2019-5736: a container that opens /proc/PID/exe of the runtime's process inside it must not
// be able to write to the runtime's binary. The process that enters a container therefore runs from
// a read-only, detached clone of the mount that holds the binary; where we may not make one (no
// CAP_SYS_ADMIN over our mount namespace) from a sealed memfd copy.
#pragma once

#include <sys/types.h>

#include "core/base/fd.h"
#include "sandbox/launch/channel.h"

namespace holdfast {

// Stage 1, waiting for its boot record. Whoever lets go of it before reap() has it killed.
class SpawnedStage {
 public:
  SpawnedStage(pid_t pid, Channel channel) : pid_(pid), channel_(std::move(channel)) {}
  SpawnedStage(SpawnedStage&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), channel_(std::move(other.channel_)) {}
  SpawnedStage& operator=(SpawnedStage&&) = delete;
  ~SpawnedStage();

  pid_t pid() const { return pid_; }
  const Channel& channel() const { return channel_; }
  Channel take_channel() { return std::move(channel_); }
  // Waits for its end, which comes by itself once init is born.
  Result<> reap();

 private:
  pid_t pid_;
  Channel channel_;
};

// Nothing above standard error stays open in it but the channel and 3..3+preserve_fds-1, at their
// numbers. Its environment is empty.
Result<SpawnedStage> spawn_stage(uint32_t preserve_fds);

// Waits for the end of a child.
Result<> reap(pid_t pid);

}  // namespace holdfast
