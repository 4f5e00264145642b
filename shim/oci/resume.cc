#include "shim/oci/container.h"

namespace holdfast {
namespace {

Result<int> run(const Globals& globals, const Arguments& args) {
  HF_TRY(const Container container, find_container(globals, args.operands()[0]));
  HF_TRY(const Status now, container.dir.status(container.state));
  // One that was frozen before its start shows as created: ask the freezer itself.
  if (now == Status::kStopped || now == Status::kCreating) return error("container not paused");
  HF_TRY(const bool frozen, is_frozen(container.state.cgroups));
  if (!frozen) return error("container not paused");
  HF_DO(thaw(container.state.cgroups));
  return 0;
}

}  // namespace

const Verb kResumeVerb = {.syntax = {.name = "resume",
                                     .operands = "ID",
                                     .summary = "resume the processes of a paused container",
                                     .example = "holdfast resume web1",
                                     .min_operands = 1,
                                     .max_operands = 1},
                          .run = run};

}  // namespace holdfast
