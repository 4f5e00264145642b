// Lines of a file, one after the other, with memory for one of them.
//
//   LineReader reader(fd);
//   while (true) {
//     HF_TRY(const auto line, reader.next());
//     if (!line) break;
//     line->text, line->whole       // whole: it ends in a newline
//   }
//
// A line that is longer than any of a log's is cut and is not whole; what follows is read on. Further lines
// may be appended meanwhile: next() goes on where it stopped.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/fd.h"

namespace holdfast {

class LineReader {
 public:
  struct Line {
    std::string_view text;  // until the next call
    bool whole = true;
  };

  static constexpr off_t kAll = std::numeric_limits<off_t>::max();

  // Of the first `size` bytes.
  explicit LineReader(const Fd& file, off_t size = kAll) : file_(file.get()), size_(size) {}

  // Nothing at the end of the file. `partial`: what stands there without a newline is a line as well.
  Result<std::optional<Line>> next(bool partial = true);
  // Where the next line begins.
  off_t offset() const { return offset_ - static_cast<off_t>(buffer_.size() - at_); }

 private:
  Result<bool> fill();

  int file_;
  off_t size_;
  off_t offset_ = 0;
  std::string buffer_;
  size_t at_ = 0;  // of the next line in it
};

}  // namespace holdfast
