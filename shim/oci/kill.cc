#include <csignal>

#include "shim/oci/container.h"
#include "shim/oci/signal_name.h"

namespace holdfast {
namespace {

constexpr Flag kFlags[] = {
    {"all", 'a', FlagKind::kSwitch, "", "signal every process of the container"},
};

// Every process of the container, of a stopped one too: what outlived its init.
Result<> signal_all(const Container& container, int signal) {
  const ContainerState& state = container.state;
  if (state.cgroups.directories.empty())
    return error("kill --all: the container has no cgroup to find its processes by");
  if (!alive(state.init)) {
    HF_TRY(const bool shared, container.dir.shares_cgroups(state));
    if (shared) return error("container not running");
  }
  if (signal == SIGKILL) return kill_all(state.cgroups, signal);
  HF_TRY(const auto pids, processes(state.cgroups));
  if (pids.empty()) return {};
  return kill_all(state.cgroups, signal);
}

Result<int> run(const Globals& globals, const Arguments& args) {
  const std::string text = args.operands().size() > 1 ? args.operands()[1] : "SIGTERM";
  HF_TRY(const Container container, find_container(globals, args.operands()[0]));
  const auto signal = parse_signal(text);
  if (!signal) return error("unknown signal \"{}\"", text);
  if (args.on("all"))
    HF_DO(signal_all(container, *signal));
  else
    HF_DO(signal_init(container.state, *signal));
  // A frozen process takes no signal; the one that cannot wait is let through.
  const CgroupRecord& cgroups = container.state.cgroups;
  if (signal == SIGKILL && !cgroups.directories.empty() && is_frozen(cgroups).value_or(false))
    HF_DO(thaw(cgroups));
  return 0;
}

}  // namespace

const Verb kKillVerb = {.syntax = {.name = "kill",
                                   .operands = "ID [SIGNAL]",
                                   .summary = "send a signal (default SIGTERM) to a container",
                                   .example = "holdfast kill web1 KILL",
                                   .flags = kFlags,
                                   .min_operands = 1,
                                   .max_operands = 2},
                        .run = run};

}  // namespace holdfast
