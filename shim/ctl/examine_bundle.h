// What holdfast would do with a bundle, without doing it.
//
//   HF_TRY(Examined examined, examine_bundle("/run/b", policy, facts));
//   if (examined.refusal) ...          // it would be refused; the decisions tell all the same
#pragma once

#include <string>

#include "profiles/policy/resolve.h"

namespace holdfast::ctl {

Result<Examined> examine_bundle(const std::string& bundle, const Policy& policy,
                                const HostFacts& facts);

}  // namespace holdfast::ctl
