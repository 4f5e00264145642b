// A verb of the command line, and what the flags before it said.
//
//   Result<int> run(const Globals& globals, const Arguments& args);   // the process's exit status
//   const Verb kDeleteVerb = {kSyntax, run};
#pragma once

#include <optional>
#include <span>
#include <string>

#include "core/base/log.h"
#include "core/base/result.h"
#include "core/plan/plan.h"
#include "shim/oci/arguments.h"

namespace holdfast {

// The flags before the verb.
struct Globals {
  std::string root;  // of the state directories
  Log log;
  CgroupDriver cgroup_driver = CgroupDriver::kCgroupfs;
  std::optional<bool> rootless;  // unset: auto
};

struct Verb {
  Syntax syntax;
  Result<int> (*run)(const Globals& globals, const Arguments& args);
  // Put before the text of an error: "holdfast create failed".
  std::string_view failure_prefix = "";
  int failure_status = 1;
};

// All of them, in the order of the help.
std::span<const Verb* const> verbs();
const Verb* find_verb(std::string_view name);

// One per file.
extern const Verb kCreateVerb, kDeleteVerb, kEventsVerb, kExecVerb, kFeaturesVerb, kKillVerb,
    kListVerb, kPauseVerb, kPsVerb, kResumeVerb, kRunVerb, kSpecVerb, kStartVerb, kStateVerb,
    kUpdateVerb, kCheckpointVerb, kRestoreVerb;

// Those before the verb.
std::span<const Flag> global_flags();

// Reads the flags before the verb; `rest` is the verb and what follows.
struct CommandLine {
  Globals globals;
  bool help = false, version = false;
  std::vector<std::string> rest;
};
// The globals are filled as far as they were understood even if the result is an error, so that the
// error reaches the log that was asked for.
Result<> parse_command_line(std::span<const std::string> words, CommandLine& line);

std::string global_usage();
std::string version_text();

// Prints to stdout in one write.
Result<> print(std::string_view text);

}  // namespace holdfast
