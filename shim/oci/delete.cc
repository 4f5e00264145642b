#include "shim/oci/destroy.h"

namespace holdfast {
namespace {

constexpr Flag kFlags[] = {
    {"force", 'f', FlagKind::kSwitch, "",
     "kill the container first; one that does not exist is no error"},
};

Result<> run_one(const Globals& globals, const std::string& id, bool force) {
  HF_TRY(const StateStore store, StateStore::open(globals.root));
  const auto dir = store.find(id);
  if (dir) return delete_container(*dir, force);
  // Its deleter may have been killed in the last step, and an engine tries again.
  store.sweep();
  return Failure(dir.error());
}

Result<int> run(const Globals& globals, const Arguments& args) {
  const bool force = args.on("force");
  auto done = run_one(globals, args.operands()[0], force);
  if (!done && !(force && done.error().code == ENOENT)) return Failure(std::move(done).error());
  return 0;
}

}  // namespace

const Verb kDeleteVerb = {.syntax = {.name = "delete",
                                     .operands = "ID",
                                     .summary = "delete a stopped container and all that it holds",
                                     .example = "holdfast delete web1",
                                     .flags = kFlags,
                                     .min_operands = 1,
                                     .max_operands = 1},
                          .run = run};

}  // namespace holdfast
