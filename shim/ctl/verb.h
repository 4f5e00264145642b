// A verb of holdfastctl: one per file.
//
//   Result<int> run(const Arguments& args);        // the process's exit status
//   const CtlVerb kDoctorVerb = {kSyntax, run};    // entered into the table in verbs.cc
//
// A name of two words is a command of a group: "seccomp test".
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "shim/oci/arguments.h"

namespace holdfast::ctl {

struct CtlVerb {
  Syntax syntax;
  Result<int> (*run)(const Arguments& args);
  int failure_status = 1;  // the exit status after an error
};

extern const CtlVerb kPlanDiffVerb, kPolicyDiffVerb, kPolicyLintVerb, kPolicyShowVerb,
    kPolicyTestVerb, kProfileDiffVerb, kProfileListVerb, kProfileShowVerb;
extern const CtlVerb kAuditVerifyVerb, kEventsVerb, kTimelineVerb;
extern const CtlVerb kAdoptVerb, kReleaseVerb;
extern const CtlVerb kDoctorVerb, kExplainVerb, kInstallVerb, kListVerb, kSeccompDisasmVerb,
    kSeccompSetsVerb, kSeccompTestVerb, kUninstallVerb, kVerifyVerb, kWhyVerb;

// All of them, in the order of the help.
std::span<const CtlVerb* const> verbs();

// The command that these words call, and the words after its name.
struct ChosenVerb {
  const CtlVerb* verb;
  std::span<const std::string> rest;
};
std::optional<ChosenVerb> choose_verb(std::span<const std::string> words);

// The help of the program or of a group of commands; empty where there is no such group.
std::string overview(std::string_view group = "");

// "--format table|json", which every verb takes.
inline constexpr Flag kFormatFlag{"format", 'f', FlagKind::kText, "FORMAT",
                                  "table (for people, the default) or json"};
enum class Format { kTable, kJson };
Result<Format> format_of(const Arguments& args);

// "--root DIR" of the commands that look for a container.
inline constexpr Flag kRootFlag{"root", 'r', FlagKind::kText, "DIR",
                                "state directory; else those of all engines are searched"};

// Writes to stdout, all of it or an error.
Result<> print(std::string_view text);

}  // namespace holdfast::ctl
