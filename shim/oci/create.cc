#include "shim/oci/create_container.h"

namespace holdfast {
namespace {

Result<int> run(const Globals& globals, const Arguments& args) {
  HF_TRY(CreateRequest request, create_request(args));
  request.parked = true;
  HF_DO(create_container(globals, request).map([](CreatedContainer&&) {}));
  return 0;
}

}  // namespace

const Verb kCreateVerb = {
    .syntax = {.name = "create",
               .operands = "ID",
               .summary = "create a container, ready to be started",
               .example = "holdfast create --bundle /srv/web --pid-file /run/web.pid web1",
               .flags = kCreateFlags,
               .min_operands = 1,
               .max_operands = 1},
    .run = run,
    .failure_prefix = "holdfast create failed"};

}  // namespace holdfast
