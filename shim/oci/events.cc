#include <poll.h>

#include "core/json/writer.h"
#include "shim/oci/container.h"
#include "shim/oci/units.h"

namespace holdfast {
namespace {

constexpr Flag kFlags[] = {
    {"stats", 0, FlagKind::kSwitch, "", "print the statistics once"},
    {"interval", 0, FlagKind::kText, "DURATION", "how often, such as 500ms or 1m (default: 5s)"},
};

Result<> print_stats(const ContainerState& state) {
  HF_TRY(std::string stats, cgroup_stats(state.cgroups, state.id));
  return print(stats + "\n");
}

// Statistics at every interval, a line at an OOM kill, until the container's end.
Result<> follow(const ContainerState& state, int64_t interval) {
  HF_TRY(const Fd init, open_process(state.init));
  HF_TRY(bool had_oom, oom_killed(state.cgroups));
  pollfd ended{.fd = init.get(), .events = POLLIN, .revents = 0};
  while (true) {
    HF_DO(print_stats(state));
    const int got = ::poll(&ended, 1, static_cast<int>(interval));
    if (got < 0 && errno != EINTR) return os_error("wait");
    HF_TRY(const bool has_oom, oom_killed(state.cgroups));
    if (has_oom && !had_oom)
      HF_DO(print(fmt::format("{{\"type\":\"oom\",\"id\":{}}}\n", json::quoted(state.id))));
    had_oom = has_oom;
    if (got > 0) return {};
  }
}

Result<int> run(const Globals& globals, const Arguments& args) {
  const std::string text = args.given("interval") ? args.text("interval") : "5s";
  const auto interval = parse_duration(text);
  if (!interval || *interval > INT32_MAX)
    return error("invalid value \"{}\" for flag --interval", text);
  if (*interval == 0) return error("duration interval must be greater than 0");
  HF_TRY(const Container container, find_container(globals, args.operands()[0]));
  HF_TRY(const Status now, container.dir.status(container.state));
  if (now == Status::kStopped || now == Status::kCreating)
    return error("container with id {} is not running", container.state.id);
  if (args.on("stats"))
    HF_DO(print_stats(container.state));
  else
    HF_DO(follow(container.state, *interval));
  return 0;
}

}  // namespace

const Verb kEventsVerb = {.syntax = {.name = "events",
                                     .operands = "ID",
                                     .summary = "show the statistics and OOM kills of a container",
                                     .example = "holdfast events --stats web1",
                                     .flags = kFlags,
                                     .min_operands = 1,
                                     .max_operands = 1},
                          .run = run};

}  // namespace holdfast
