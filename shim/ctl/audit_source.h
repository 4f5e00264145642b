// The audit log as commands read it: which one, its lines in order, and those that come.
//
//   HF_TRY(AuditReader reader, AuditReader::open(args));       // --directory DIR, else where the policy says
//   while (true) {
//     HF_TRY(const auto line, reader.next());
//     if (!line && !follow) break;
//     if (!line) HF_DO(reader.wait());                          // until something is appended
//   }
//
// Files are opened from the newest to the oldest and read the other way round, each number once: a rotation
// in the meantime hides nothing. What is no line of the log is counted, not told.
#pragma once

#include <optional>
#include <vector>

#include "core/event/formats.h"
#include "sandbox/audit/lines.h"
#include "shim/oci/arguments.h"

namespace holdfast::ctl {

inline constexpr Flag kAuditFlag{"directory", 'd', FlagKind::kText, "DIR",
                                 "directory of the audit log (default: the policy's)"};

// The directory that was given, or the node's policy's, or /var/log/holdfast.
Result<std::string> audit_directory(const Arguments& args);

struct AuditLine {
  std::string text;
  RecordedEvent recorded;
};

class AuditReader {
 public:
  static Result<AuditReader> open(const Arguments& args);

  // Nothing: there are no more for now.
  Result<std::optional<AuditLine>> next();
  Result<> wait();
  uint64_t foreign() const { return foreign_; }

 private:
  struct Source {
    Fd file;
    LineReader reader;
  };
  explicit AuditReader(DirFd directory) : directory_(std::move(directory)) {}
  Result<> open_files();
  bool was_rotated() const;

  DirFd directory_;
  std::vector<Source> sources_;  // the one that is read is the last
  uint64_t last_ = 0, foreign_ = 0;
  Fd notices_;
};

// Which container is meant: its whole id where it exists, else the beginning of one that the log knows.
std::string audited_container(const std::string& text, const std::string& root);

// "10m" before now, "2026-11-22" or "2026-11-22T05:30:00Z", in nanoseconds since 1970.
Result<uint64_t> since_time(const std::string& text);

}  // namespace holdfast::ctl
