// What becomes of a program that is about to be executed, or of a file that is about to be opened:
// decided from plain data, without a system call.
//
//   ExecFacts facts{.path = "/tmp/x", .changed = ..., .started = ..., .links = 1};
//   if (hash_matters(plan, facts)) facts.sha256 = ...;      // dear, so only where it decides
//   Verdict verdict = decide(plan, facts);
//   verdict.response == Response::kDeny;  verdict.rule == "drift-exec"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/event/event.h"
#include "core/plan/supervision.h"

namespace holdfast {

// A file that is executed, or opened where libraries are watched.
struct ExecFacts {
  std::string path;    // within the container
  std::string parent;  // the program that executes it
  std::string sha256;  // where hash_matters()
  // Nanoseconds since 1970: the inode's ctime, which nobody inside can set; and when the container's
  // mounts stood, before its first instruction.
  int64_t changed = 0, started = 0;
  uint32_t links = 1;
  bool on_image = true;  // on the root's mount, not on a volume or tmpfs
  bool loader = false;   // the dynamic loader that a program just allowed names
};

struct Verdict {
  bool told = false;        // whether there is anything to tell at all
  std::string_view rule{};  // "drift-exec"
  Severity severity = Severity::kInformational;
  Response response = Response::kAlert;
  uint32_t release_after = 0;  // of a freeze; 0: until somebody releases it
  std::string_view why{};

  bool denies() const { return told && response != Response::kAlert; }
};

// Made or changed after the container started, or without a name.
bool drifted(const ExecFacts& facts);
// Whether the verdict depends on the file's content.
bool hash_matters(const ExecControlPlan& plan, const ExecFacts& facts);
// Whether it depends on who executes it.
bool parent_matters(const ExecControlPlan& plan);

// A program. What its own rule says, and what `respond` says about events that are as grave.
Verdict decide_exec(const ExecControlPlan& plan, const std::vector<ResponseRule>& respond,
                    const ExecFacts& facts);
// A file of code that is opened: only drift counts.
Verdict decide_open(const ExecControlPlan& plan, const std::vector<ResponseRule>& respond,
                    const ExecFacts& facts);

// A pattern's trailing "*" stands for any end; an empty one matches all.
bool matches(std::string_view pattern, std::string_view path);

}  // namespace holdfast
