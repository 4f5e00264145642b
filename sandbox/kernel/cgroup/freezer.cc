// freeze, thaw, is_frozen: the v1 freezer where it is mounted, else cgroup.freeze of version 2.
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/place.h"

namespace holdfast {
namespace {

using cgroup::find_controller;
using cgroup::find_v2;
using cgroup::keyed;
using cgroup::read_control;
using cgroup::write_control;

void pause_for(long microseconds) {
  const timespec time{0, microseconds * 1000};
  ::nanosleep(&time, nullptr);
}

Result<std::string> state_v1(const std::string& directory) {
  HF_TRY(auto state, read_control(directory, "freezer.state"));
  if (!state) return os_error_of(ENOENT, "open {}/freezer.state", directory);
  return std::move(*state);
}

// A process in an uninterruptible sleep, or one that forks meanwhile, keeps the group in FREEZING:
// the kernel looks again at each write, and a short thaw lets such a process come out.
Result<> freeze_v1(const std::string& directory) {
  constexpr int kAttempts = 1000;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt % 50 == 49) {
      (void)write_control(directory, "freezer.state", "THAWED");
      pause_for(10000);
    }
    HF_DO(write_control(directory, "freezer.state", "FROZEN"));
    if (attempt >= 25) pause_for(10L * attempt);
    HF_TRY(const std::string state, state_v1(directory));
    if (state == "FROZEN") return {};
    if (state != "FREEZING") return error("freeze {}: unexpected state {}", directory, state);
  }
  // Whoever cannot be frozen goes on: half a container must not stay still.
  (void)write_control(directory, "freezer.state", "THAWED");
  return error("freeze {}: it does not come to rest", directory);
}

// cgroup.events tells when all is still (or moves again), by POLLPRI.
Result<> set_v2(const std::string& directory, bool frozen) {
  constexpr int kSliceMs = 500, kSlices = 20;
  const std::string path = fmt::format("{}/cgroup.events", directory);
  const Fd events(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!events) return os_error("open {}", path);
  HF_DO(write_control(directory, "cgroup.freeze", frozen ? "1" : "0"));
  for (int slice = 0; slice < kSlices; ++slice) {
    if (::lseek(events.get(), 0, SEEK_SET) < 0) return os_error("read {}", path);
    HF_TRY(const std::string text, with_context(read_all(events, 4096), "{}", path));
    if (keyed(text, "frozen") == (frozen ? 1 : 0)) return {};
    pollfd waiting{events.get(), POLLPRI, 0};
    if (::poll(&waiting, 1, kSliceMs) < 0 && errno != EINTR) return os_error("poll {}", path);
  }
  if (frozen) (void)write_control(directory, "cgroup.freeze", "0");
  return error("{} {}: it does not come to rest", frozen ? "freeze" : "thaw", directory);
}

Failure no_freezer() { return error("the host has no freezer controller"); }

}  // namespace

Result<> freeze(const CgroupRecord& record) {
  if (const auto* v1 = find_controller(record, "freezer")) return freeze_v1(v1->directory);
  if (const auto* v2 = find_v2(record)) return set_v2(v2->directory, true);
  return no_freezer();
}

Result<> thaw(const CgroupRecord& record) {
  if (const auto* v1 = find_controller(record, "freezer"))
    return write_control(v1->directory, "freezer.state", "THAWED");
  if (const auto* v2 = find_v2(record)) return set_v2(v2->directory, false);
  return no_freezer();
}

Result<bool> is_frozen(const CgroupRecord& record) {
  if (const auto* v1 = find_controller(record, "freezer")) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      HF_TRY(const auto state, read_control(v1->directory, "freezer.state"));
      if (!state || *state == "THAWED") return false;
      if (*state == "FROZEN") {
        // 0: frozen by a group above it, not by us.
        HF_TRY(const auto self, read_control(v1->directory, "freezer.self_freezing"));
        return self && *self == "1";
      }
      pause_for(1000);
    }
    return false;
  }
  if (const auto* v2 = find_v2(record)) {
    HF_TRY(const auto asked, read_control(v2->directory, "cgroup.freeze"));
    if (asked.value_or("0") != "1") return false;
    for (int attempt = 0; attempt < 100; ++attempt) {
      HF_TRY(const auto events, read_control(v2->directory, "cgroup.events"));
      if (!events || keyed(*events, "frozen") == 1) return events.has_value();
      pause_for(1000);
    }
  }
  return false;
}

}  // namespace holdfast
