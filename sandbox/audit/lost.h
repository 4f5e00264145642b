// LostEvents: how many events the log could not take, kept in a file of fixed size beside it, so that one
// process can tell what another one lost. Its only block is taken at its making: it can be written when
// the disk is full.
//
//   HF_DO(lost.open(directory));
//   lost.add({.count = 3, .first = t});     // the caller holds the log's lock
//   Loss loss = lost.read(); ... lost.clear();
#pragma once

#include "core/base/fd.h"

namespace holdfast {

struct Loss {
  uint64_t count = 0;
  uint64_t first = 0;  // when the first was lost: nanoseconds since 1970
};

class LostEvents {
 public:
  Result<> open(const DirFd& directory);
  Loss read() const;
  void add(Loss loss);
  void clear();

 private:
  void write(Loss loss);

  Fd file_;
  Loss kept_;  // where the file could not be written
};

}  // namespace holdfast
