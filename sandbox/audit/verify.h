// Whether a log stands as it was written: every line sealed, in order, none missing.
//
//   HF_TRY(const AuditReport report, verify_log(directory));      // DIRECTORY/audit.jsonl and its older files
//   HF_TRY(const AuditReport one, verify_file(fd, "audit.jsonl.3"));
//   report.sound(); report.faults[0].text   // "audit.jsonl.1:17: changed, or what stands before it"
//
// A fault is what the log itself would not have done: a changed line, lines that are missing or in another
// order, a file that is missing between two others, bytes that are no line. The first fault of a file is
// told, and where the chain can be taken up again the rest is judged on. A note is what may be: older files
// that were rotated away, an unfinished line that the log itself tells of, events that it tells it lost.
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/event/chain.h"

namespace holdfast {

struct AuditFinding {
  std::string file;
  uint64_t line = 0;  // 0: the file as a whole
  std::string text;
};

struct AuditReport {
  uint64_t files = 0, lines = 0;
  uint64_t first = 0, last = 0;  // sequence numbers
  std::string chain;             // of the last line: keep it elsewhere to find out about a cut end
  std::vector<AuditFinding> faults, notes;

  bool sound() const { return faults.empty(); }
};

Result<AuditReport> verify_log(const DirFd& directory);
Result<AuditReport> verify_file(const Fd& file, const std::string& name);

// The log's files in a directory, the oldest first: audit.jsonl.12 ... audit.jsonl.1, audit.jsonl.
Result<std::vector<std::string>> audit_files(const DirFd& directory);

}  // namespace holdfast
