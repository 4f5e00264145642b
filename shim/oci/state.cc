#include "shim/oci/container.h"

namespace holdfast {
namespace {

Result<int> run(const Globals& globals, const Arguments& args) {
  HF_TRY(const Container container, find_container(globals, args.operands()[0]));
  HF_TRY(const Status now, container.dir.status(container.state));
  HF_DO(print(state_document(container.state, now, StateForm::kState) + "\n"));
  return 0;
}

}  // namespace

const Verb kStateVerb = {.syntax = {.name = "state",
                                    .operands = "ID",
                                    .summary = "print the state of a container as JSON",
                                    .example = "holdfast state web1",
                                    .min_operands = 1,
                                    .max_operands = 1},
                         .run = run};

}  // namespace holdfast
