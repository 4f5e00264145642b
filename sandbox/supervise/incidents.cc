#include "sandbox/supervise/incidents.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace holdfast {

Result<> Incidents::open() {
  wakeup_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup_) return os_error("make an eventfd");
  return {};
}

void Incidents::push(Incident incident) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMost) {
      ++lost_;
      const Response asked = incident.event.response;
      const auto same = [asked](const Incident& each) { return each.event.response >= asked; };
      // What is to be done once is done by the one that waits already.
      if (!is_of_container(asked) || std::any_of(waiting_.begin(), waiting_.end(), same)) return;
    }
    waiting_.push_back(std::move(incident));
  }
  const uint64_t one = 1;
  (void)!::write(wakeup_.get(), &one, sizeof one);
}

std::vector<Incident> Incidents::take(uint64_t& lost) {
  uint64_t count = 0;
  (void)!::read(wakeup_.get(), &count, sizeof count);
  const std::lock_guard lock(mutex_);
  lost = std::exchange(lost_, 0);
  return std::exchange(waiting_, {});
}

}  // namespace holdfast
