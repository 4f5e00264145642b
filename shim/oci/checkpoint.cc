// checkpoint and restore: named, so that a caller learns plainly that they are not there.
#include "shim/oci/verb.h"

namespace holdfast {
namespace {

// Their flags are not looked at: the answer is the same for all.
Result<int> refuse(const Globals&, const Arguments&) { return error("not supported yet"); }

}  // namespace

const Verb kCheckpointVerb = {.syntax = {.name = "checkpoint",
                                         .operands = "ID",
                                         .summary = "not supported yet",
                                         .example = "",
                                         .max_operands = SIZE_MAX,
                                         .takes_any_flag = true},
                              .run = refuse,
                              .failure_prefix = "checkpoint"};

const Verb kRestoreVerb = {.syntax = {.name = "restore",
                                      .operands = "ID",
                                      .summary = "not supported yet",
                                      .example = "",
                                      .max_operands = SIZE_MAX,
                                      .takes_any_flag = true},
                           .run = refuse,
                           .failure_prefix = "restore"};

}  // namespace holdfast
