// A verb of holdfastctl: one per file.
//
//   Result<int> run(const Arguments& args);        // the process's exit status
//   const CtlVerb kDoctorVerb = {kSyntax, run};
#pragma once

#include <span>
#include <string_view>

#include "core/base/result.h"
#include "shim/oci/arguments.h"

namespace holdfast::ctl {

struct CtlVerb {
  Syntax syntax;
  Result<int> (*run)(const Arguments& args);
};

extern const CtlVerb kDoctorVerb, kExplainVerb, kWhyVerb;

// "--format table|json", which every verb takes.
inline constexpr Flag kFormatFlag{"format", 'f', FlagKind::kText, "FORMAT",
                                  "table (for people, the default) or json"};
enum class Format { kTable, kJson };
Result<Format> format_of(const Arguments& args);

// Writes to stdout, all of it or an error.
Result<> print(std::string_view text);

}  // namespace holdfast::ctl
