// processes, kill_all.
#include <signal.h>
#include <time.h>

#include <algorithm>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/place.h"

namespace holdfast {
namespace {

Result<> send(const std::vector<pid_t>& pids, int signal) {
  Result<> first;
  for (const pid_t pid : pids)
    if (::kill(pid, signal) != 0 && errno != ESRCH && first)
      first = os_error("send signal {} to process {}", signal, pid);
  return first;
}

// Nothing that they fork gets away: they are still while they are killed. SIGKILL takes effect at
// the thaw, which must come whatever else fails.
Result<> kill_frozen(const CgroupRecord& record, const std::vector<pid_t>& known) {
  if (!cgroup::find_controller(record, "freezer")) return send(known, SIGKILL);
  const auto still = freeze(record);  // if it cannot be, the caller's next round gets the rest
  Result<> sent;
  if (auto pids = processes(record); pids)
    sent = send(*pids, SIGKILL);
  else
    sent = Failure(std::move(pids.error()));
  (void)still;
  if (auto moving = thaw(record); !moving && sent) return moving;
  return sent;
}

}  // namespace

Result<std::vector<pid_t>> processes(const CgroupRecord& record) {
  std::vector<pid_t> pids;
  // A process may have left one hierarchy (a nested manager with a cgroup of its own): ask all.
  for (const auto& each : record.directories)
    HF_DO(cgroup::collect_processes(each.directory, pids));
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

Result<> kill_all(const CgroupRecord& record, int signal) {
  if (signal != SIGKILL) {
    HF_TRY(const auto pids, processes(record));
    return send(pids, signal);
  }
  if (const auto* v2 = cgroup::find_v2(record)) {
    auto done = cgroup::write_control(v2->directory, "cgroup.kill", "1");
    // Before Linux 5.14 there is no such file: the rounds below do it.
    if (!done && done.error().code != ENOENT && done.error().code != ENODEV) return done;
  }
  // Until nothing is left, or 5 s are over: a process in an uninterruptible sleep may take its
  // time.
  long waited = 0;
  for (long wait = 200; waited < 5000000; waited += wait, wait = std::min(wait * 2, 50000L)) {
    HF_TRY(const auto left, processes(record));
    if (left.empty()) {
      // What was frozen without processes would stay frozen for the next one.
      return {};
    }
    // The first round only waits where cgroup.kill has done the work already.
    if (waited > 0 || !cgroup::find_v2(record) || cgroup::find_controller(record, "freezer"))
      HF_DO(kill_frozen(record, left));
    const timespec time{0, wait * 1000};
    ::nanosleep(&time, nullptr);
  }
  HF_TRY(const auto left, processes(record));
  if (left.empty()) return {};
  return error("{} process(es) are left after SIGKILL, the first is {}", left.size(), left.front());
}

}  // namespace holdfast
