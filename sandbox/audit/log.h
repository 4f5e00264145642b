// AuditLog: the node's one log, of all its containers' events.
//
//   HF_TRY(AuditLog log, AuditLog::open(settings));
//   HF_TRY(const Appended done, log.append(events));    // a batch: numbered, chained, written, handed on
//   log.flush();                                        // counters that wait, see sinks.h
//
// DIRECTORY/audit.jsonl holds one OCSF object a line (core/event/formats.h), chained (core/event/chain.h),
// the numbers going on over all files: audit.jsonl.1 is the next older one, and so on. Any number of
// processes append; one batch is one write under flock(2) of the directory, so batches never mix.
//
// The directory is made with mode 0700 if its parent exists. It and the file must be ours and writable by
// nobody else, the file a regular one with one name; else open() refuses.
//
// A batch is written as a whole or not at all. Without space append() fails, and what was lost is counted
// in DIRECTORY/audit.head (its block is taken beforehand), for all processes: the first batch that fits
// again is preceded by an event "audit-lost" with the number and the time of the first. An unfinished line
// that a crash left is closed, and an event "audit-torn" that names its size and digest continues the chain.
// Where the log ends before the line that audit.head names, "audit-cut" tells, and the numbers go on from
// there, so that the gap stays to be seen. The sinks get what the file could not take.
//
// Waits for the disk only where `sync` says so. One thread at a time. After fork() one of both processes
// calls reopen(): a lock is shared by descriptors that were inherited.
#pragma once

#include <span>
#include <string>

#include "core/base/fd.h"
#include "core/event/audit_settings.h"
#include "core/event/chain.h"
#include "core/event/event.h"
#include "sandbox/audit/head.h"
#include "sandbox/audit/sinks.h"

namespace holdfast {

inline constexpr char kAuditFile[] = "audit.jsonl";

struct Appended {
  uint64_t sequence = 0;  // of the last line; 0: no event was grave enough to be recorded
  size_t written = 0;     // events of the batch, without what the log itself added
};

class AuditLog {
 public:
  static Result<AuditLog> open(const AuditSettings& settings);
  // With a directory that is open already.
  static Result<AuditLog> open_in(DirFd directory, const AuditSettings& settings);

  // Events below the settings' level are left out. A time of 0 becomes now.
  Result<Appended> append(std::span<const Event> events);
  // Writes what the sinks hold back.
  void flush();
  // Descriptors of our own after a fork.
  Result<> reopen();

  const DirFd& directory() const { return directory_; }

 private:
  AuditLog(DirFd directory, const AuditSettings& settings);

  Result<Appended> append_locked(const std::vector<Event>& events);
  Result<> open_file();
  // Knows where the log ends, whatever other processes did to it meanwhile.
  Result<> find_end();
  Result<> read_end(off_t size);
  Result<> rotate();
  Result<> write(std::string_view text, const Link& link, bool important);
  std::vector<Event> own_events(const HeadRecord& head);

  DirFd directory_;
  AuditSettings settings_;
  Sinks sinks_;
  LogHead head_;
  Fd file_;
  Link link_;              // of the last line
  off_t end_ = -1;         // the file's size when link_ was its last line; -1: not known
  bool has_line_ = false;  // the file has a line of ours
  std::string torn_;       // what stands behind it and is none
};

// Opens, appends, closes: for a process that records one thing.
Result<> record(const AuditSettings& settings, std::span<const Event> events);

}  // namespace holdfast
