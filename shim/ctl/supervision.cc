// adopt, release: what a person asks the keeper of a supervised container for.
#include "sandbox/supervise/spawn.h"
#include "shim/ctl/containers.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

// The processes that delete looks for are others now.
Result<> note_pids(const Found& found, const std::string& pids) {
  HF_TRY(ContainerState state, found.load());
  state.supervisors.clear();
  for (const auto text : split(pids, ' ')) {
    const auto pid = parse_number<pid_t>(text);
    if (!pid) return error("unexpected answer {}", pids);
    HF_TRY(ProcessIdentity process, identify(*pid));
    state.supervisors.push_back(std::move(process));
  }
  return found.dir.save(state);
}

Result<int> adopt(const Arguments& args) {
  auto found = find_container(args.operands()[0], args.text("root"));
  if (!found) return Failure(std::move(found).error());
  HF_TRY(const std::string pids,
         with_context(ask_keeper(found->dir.dir(), "adopt"), "container {}", found->dir.id()));
  HF_DO(note_pids(*found, pids));
  HF_DO(print(fmt::format("{} is supervised again\n", found->dir.id())));
  return 0;
}

Result<int> release(const Arguments& args) {
  auto found = find_container(args.operands()[0], args.text("root"));
  if (!found) return Failure(std::move(found).error());
  HF_DO(with_context(ask_keeper(found->dir.dir(), "release"), "container {}", found->dir.id()));
  HF_DO(print(fmt::format("{} is released\n", found->dir.id())));
  return 0;
}

constexpr Flag kFlags[] = {kRootFlag};

}  // namespace

const CtlVerb kAdoptVerb = {
    {.name = "adopt",
     .operands = "ID|NAME",
     .summary = "give a container whose supervisor is gone a new one, and let it go on",
     .example = "holdfastctl adopt web1",
     .flags = kFlags,
     .min_operands = 1,
     .max_operands = 1},
    adopt};

const CtlVerb kReleaseVerb = {{.name = "release",
                               .operands = "ID|NAME",
                               .summary = "let a container go on that a response has frozen",
                               .example = "holdfastctl release web1",
                               .flags = kFlags,
                               .min_operands = 1,
                               .max_operands = 1},
                              release};

}  // namespace holdfast::ctl
