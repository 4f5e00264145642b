#include "shim/ctl/unified_diff.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/base/text.h"

namespace holdfast::ctl {
namespace {

constexpr size_t kContext = 3;
constexpr size_t kMostCells = size_t{1} << 22;  // beyond it the changed part is shown as a whole

using Lines = std::vector<std::string_view>;

// Lines with their newline, so that a missing one at the end counts.
Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

struct Edit {
  char sign;  // ' ', '-' or '+'
  std::string_view line;
};

// The longest common subsequence of what is left between the common beginning and end.
class Comparison {
 public:
  Comparison(const Lines& a, const Lines& b) : a_(a), b_(b) {}

  std::vector<Edit> edits() {
    size_t first = 0;
    while (first < a_.size() && first < b_.size() && a_[first] == b_[first]) ++first;
    size_t last = 0;
    while (last < a_.size() - first && last < b_.size() - first &&
           a_[a_.size() - 1 - last] == b_[b_.size() - 1 - last])
      ++last;
    for (size_t i = 0; i < first; ++i) edits_.push_back({' ', a_[i]});
    middle(first, a_.size() - last, b_.size() - last);
    for (size_t i = a_.size() - last; i < a_.size(); ++i) edits_.push_back({' ', a_[i]});
    return std::move(edits_);
  }

 private:
  void middle(size_t first, size_t a_end, size_t b_end) {
    const size_t rows = a_end - first, columns = b_end - first;
    if (rows * columns > kMostCells) return whole(first, a_end, b_end);
    // common[i][j]: the length for the lines from i and from j on
    std::vector<uint32_t> common((rows + 1) * (columns + 1), 0);
    const auto at = [&](size_t i, size_t j) -> uint32_t& { return common[i * (columns + 1) + j]; };
    for (size_t i = rows; i-- > 0;)
      for (size_t j = columns; j-- > 0;)
        at(i, j) = a_[first + i] == b_[first + j] ? at(i + 1, j + 1) + 1
                                                  : std::max(at(i + 1, j), at(i, j + 1));
    size_t i = 0, j = 0;
    while (i < rows || j < columns) {
      if (i < rows && j < columns && a_[first + i] == b_[first + j]) {
        edits_.push_back({' ', a_[first + i]});
        ++i, ++j;
      } else if (i < rows && (j == columns || at(i + 1, j) >= at(i, j + 1))) {
        edits_.push_back({'-', a_[first + i++]});
      } else {
        edits_.push_back({'+', b_[first + j++]});
      }
    }
  }

  void whole(size_t first, size_t a_end, size_t b_end) {
    for (size_t i = first; i < a_end; ++i) edits_.push_back({'-', a_[i]});
    for (size_t j = first; j < b_end; ++j) edits_.push_back({'+', b_[j]});
  }

  const Lines& a_;
  const Lines& b_;
  std::vector<Edit> edits_;
};

std::string range(size_t first, size_t count) {
  const size_t shown = count == 0 ? first : first + 1;
  return count == 1 ? fmt::format("{}", shown) : fmt::format("{},{}", shown, count);
}

// One hunk: edits [begin, end), after `a_line` and `b_line` lines of either file.
void add_hunk(std::string& out, const std::vector<Edit>& edits, size_t begin, size_t end,
              size_t a_line, size_t b_line) {
  size_t a_count = 0, b_count = 0;
  std::string body;
  for (size_t i = begin; i < end; ++i) {
    const Edit& edit = edits[i];
    a_count += edit.sign != '+' ? 1 : 0;
    b_count += edit.sign != '-' ? 1 : 0;
    body += edit.sign;
    body += edit.line;
    if (!edit.line.ends_with('\n')) body += "\n\\ No newline at end of file\n";
  }
  out += fmt::format("@@ -{} +{} @@\n", range(a_line, a_count), range(b_line, b_count)) + body;
}

}  // namespace

std::string unified_diff(std::string_view path, std::optional<std::string_view> before,
                         std::optional<std::string_view> after) {
  if (before == after) return "";
  const Lines a = lines_of(before.value_or("")), b = lines_of(after.value_or(""));
  const std::vector<Edit> edits = Comparison(a, b).edits();
  std::string out =
      fmt::format("--- {}\n+++ {}\n", before ? path : "/dev/null", after ? path : "/dev/null");
  size_t a_line = 0, b_line = 0;  // of edits[at]
  const auto pass = [&](const Edit& edit) {
    a_line += edit.sign != '+' ? 1 : 0;
    b_line += edit.sign != '-' ? 1 : 0;
  };
  for (size_t at = 0; at < edits.size();) {
    size_t change = at;
    while (change < edits.size() && edits[change].sign == ' ') ++change;
    if (change == edits.size()) break;
    const size_t begin = std::max(at, change - std::min(change, kContext));
    for (; at < begin; ++at) pass(edits[at]);
    // Until more equal lines follow than two contexts hold.
    size_t end = change, equal = 0;
    for (size_t i = change; i < edits.size() && equal <= 2 * kContext; ++i) {
      equal = edits[i].sign == ' ' ? equal + 1 : 0;
      if (equal == 0) end = i + 1;
    }
    end = std::min(end + kContext, edits.size());
    add_hunk(out, edits, begin, end, a_line, b_line);
    for (; at < end; ++at) pass(edits[at]);
  }
  return out;
}

}  // namespace holdfast::ctl
