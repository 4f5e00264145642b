// LogHead: where the log ends and what it could not take, in a file of fixed size beside it. So one process
// can tell what another one lost, and a log that was cut short shows. Its only block is taken at its making:
// it can be written when the disk is full.
//
//   HF_DO(head.open(directory));
//   head.advance(link);                 // the log was written up to there; the caller holds its lock
//   head.add_loss(3, now);              // or could not be
//   const HeadRecord record = head.read();
//
// DIRECTORY/audit.head: "SEQUENCE CHAIN LOST FIRST\n", each with all its digits.
#pragma once

#include "core/base/fd.h"
#include "core/event/chain.h"

namespace holdfast {

inline constexpr char kHeadFile[] = "audit.head";

struct HeadRecord {
  Link link;           // the last line that was written
  uint64_t lost = 0;   // events that no line tells of
  uint64_t first = 0;  // when the first of them was lost: nanoseconds since 1970
};

class LogHead {
 public:
  Result<> open(const DirFd& directory);
  HeadRecord read() const;
  void advance(const Link& link);  // nothing is lost any more: a line before it told
  void add_loss(uint64_t count, uint64_t time);

 private:
  void write(const HeadRecord& record);

  Fd file_;
  HeadRecord unwritten_;  // a loss that the file could not take
};

// Of a file that may be damaged: nothing where it says nothing.
HeadRecord parse_head(std::string_view text);

}  // namespace holdfast
