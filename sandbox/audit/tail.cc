#include "sandbox/audit/tail.h"

#include <unistd.h>

#include <algorithm>

#include "core/event/formats.h"

namespace holdfast {
namespace {

constexpr size_t kFirstLook = 8 << 10;
constexpr size_t kFurthest = 2 * kMaxEventLine;

Result<std::string> read_end(const Fd& file, off_t size, size_t count) {
  std::string text(count, '\0');
  size_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(file.get(), text.data() + done, count - done,
                                size - static_cast<off_t>(count - done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read the end of the log");
    if (got == 0) return error("the log became shorter while it was read");
    done += static_cast<size_t>(got);
  }
  return text;
}

// The last line of the text that is one of a log's; `whole`: the text begins with a line.
bool find_line(std::string_view text, bool whole, LogTail& tail) {
  size_t end = text.rfind('\n');
  while (end != text.npos) {
    const size_t before = end == 0 ? text.npos : text.rfind('\n', end - 1);
    if (before == text.npos && !whole) return false;
    const size_t begin = before == text.npos ? 0 : before + 1;
    if (const auto sealed = open_seal(text.substr(begin, end - begin))) {
      tail.found = true;
      tail.link = {sealed->sequence, std::string(sealed->chain)};
      tail.rest = text.substr(end + 1);
      return true;
    }
    end = before;
  }
  return false;
}

}  // namespace

Result<LogTail> read_tail(const Fd& file, off_t size) {
  LogTail tail;
  const auto all = static_cast<size_t>(size);
  for (size_t look = kFirstLook; all > 0; look = std::min(look * 16, kFurthest)) {
    const size_t count = std::min(look, all);
    HF_TRY(const std::string text, read_end(file, size, count));
    if (find_line(text, count == all, tail)) return tail;
    tail.rest = text;
    if (count == all || look == kFurthest) return tail;
  }
  return tail;
}

}  // namespace holdfast
