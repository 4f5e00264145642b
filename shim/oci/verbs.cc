// The table of verbs.
#include "shim/oci/verb.h"

namespace holdfast {
namespace {

constexpr const Verb* kVerbs[] = {
    &kCheckpointVerb, &kCreateVerb, &kDeleteVerb, &kEventsVerb, &kExecVerb,    &kFeaturesVerb,
    &kKillVerb,       &kListVerb,   &kPauseVerb,  &kPsVerb,     &kRestoreVerb, &kResumeVerb,
    &kRunVerb,        &kSpecVerb,   &kStartVerb,  &kStateVerb,  &kUpdateVerb,
};

}  // namespace

std::span<const Verb* const> verbs() { return kVerbs; }

const Verb* find_verb(std::string_view name) {
  for (const Verb* verb : kVerbs)
    if (verb->syntax.name == name) return verb;
  return nullptr;
}

}  // namespace holdfast
