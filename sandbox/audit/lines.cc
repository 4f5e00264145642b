#include "sandbox/audit/lines.h"

#include <unistd.h>

#include <algorithm>

#include "core/event/formats.h"

namespace holdfast {
namespace {

constexpr size_t kBlock = 64 << 10;
constexpr size_t kLongest = kMaxEventLine + 1024;

}  // namespace

Result<bool> LineReader::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t had = buffer_.size();
  const auto most = static_cast<size_t>(std::min<off_t>(kBlock, size_ - offset_));
  buffer_.resize(had + most);
  ssize_t got = 0;
  do got = ::pread(file_, buffer_.data() + had, most, offset_);
  while (got < 0 && errno == EINTR);
  buffer_.resize(had + static_cast<size_t>(got > 0 ? got : 0));
  if (got < 0) return os_error("read");
  offset_ += got;
  return got > 0;
}

Result<std::optional<LineReader::Line>> LineReader::next(bool partial) {
  size_t searched = 0;
  while (true) {
    const size_t end = buffer_.find('\n', at_ + searched);
    if (end != buffer_.npos) {
      const Line line{std::string_view(buffer_).substr(at_, end - at_), true};
      at_ = end + 1;
      return std::optional(line);
    }
    searched = buffer_.size() - at_;
    bool more = false;
    if (searched < kLongest) {
      HF_TRY(more, fill());
    }
    if (more) continue;
    if (searched == 0 || (!partial && searched < kLongest)) return std::optional<Line>();
    const Line line{std::string_view(buffer_).substr(at_), false};
    at_ = buffer_.size();
    return std::optional(line);
  }
}

}  // namespace holdfast
