// The end of a log's file: its last line, and what stands behind it and is none.
//
//   HF_TRY(const LogTail tail, read_tail(file, size));
//   tail.link.sequence, tail.rest      // "" after a clean end
#pragma once

#include "core/base/fd.h"
#include "core/event/chain.h"

namespace holdfast {

struct LogTail {
  bool found = false;  // there is a line
  Link link;           // it, or what a new log begins with
  std::string rest;    // behind it: an unfinished line after a crash
};

// Looks back from `size` for the last line that is one; at most two of the longest lines far.
Result<LogTail> read_tail(const Fd& file, off_t size);

}  // namespace holdfast
