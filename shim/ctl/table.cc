#include "shim/ctl/table.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace holdfast::ctl {
namespace {

constexpr size_t kGap = 2;
constexpr size_t kLeastLastColumn = 24;

std::string_view escape_of(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return "";
    case Colour::kRed:
      return "\033[31m";
    case Colour::kYellow:
      return "\033[33m";
    case Colour::kGreen:
      return "\033[32m";
    case Colour::kDim:
      return "\033[2m";
    case Colour::kBold:
      return "\033[1m";
  }
  return "";
}

// How many bytes the UTF-8 character that starts here has; 0 where none starts or it is a control.
size_t character_size(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return first < 0x20 || first == 0x7f ? 0 : 1;
  const size_t size = first >= 0xf0 && first < 0xf5   ? 4
                      : first >= 0xe0 && first < 0xf0 ? 3
                      : first >= 0xc2 && first < 0xe0 ? 2
                                                      : 0;
  if (size == 0 || size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  const bool c1_control = first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
  return c1_control ? 0 : size;
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

size_t characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

// Bytes of the first `count` characters.
size_t bytes_of(std::string_view text, size_t count) {
  size_t at = 0;
  for (; at < text.size(); ++at)
    if (!continues(text[at]) && count-- == 0) break;
  return at;
}

}  // namespace

Terminal terminal_of(int fd) {
  Terminal terminal;
  if (::isatty(fd) == 0) return terminal;
  terminal.colours = ::getenv("NO_COLOR") == nullptr;
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 40) terminal.columns = size.ws_col;
  return terminal;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t size = character_size(text);
    if (size == 0)
      out += '?';
    else
      out += text.substr(0, size);
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return out;
}

std::vector<std::string> wrap(std::string_view text, size_t width) {
  std::vector<std::string> lines;
  while (characters(text) > width) {
    const size_t most = bytes_of(text, width);
    const size_t blank = text.substr(0, most + 1).rfind(' ');
    const bool at_blank = blank != std::string_view::npos && blank > 0;
    lines.emplace_back(text.substr(0, at_blank ? blank : most));
    text.remove_prefix(at_blank ? blank + 1 : most);
  }
  lines.emplace_back(text);
  return lines;
}

std::string coloured(std::string_view text, Colour colour, const Terminal& terminal) {
  if (!terminal.colours || colour == Colour::kNone) return std::string(text);
  return std::string(escape_of(colour)) + std::string(text) + "\033[0m";
}

void Table::add(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = printable(cell.text);
  rows_.push_back(std::move(row));
}

std::vector<size_t> Table::widths(const Terminal& terminal) const {
  std::vector<size_t> widths;
  size_t used = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = characters(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, characters(row[i].text));
    if (columns_[i].width > 0) width = std::min(width, columns_[i].width);
    if (columns_[i].width == 0 && used + width > terminal.columns)
      width = std::max(terminal.columns - std::min(used, terminal.columns), kLeastLastColumn);
    widths.push_back(width);
    used += width + kGap;
  }
  return widths;
}

std::string Table::text(const Terminal& terminal) const {
  const std::vector<size_t> widths = this->widths(terminal);
  std::string out;
  const auto add_row = [&](const std::vector<Cell>& row) {
    std::vector<std::vector<std::string>> cells;
    size_t height = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      cells.push_back(wrap(row[i].text, widths[i]));
      height = std::max(height, cells.back().size());
    }
    for (size_t line = 0; line < height; ++line) {
      std::string text;
      size_t owed = 0;  // blanks before the next cell: none at the end of a line
      for (size_t i = 0; i < cells.size(); ++i) {
        const std::string part = line < cells[i].size() ? cells[i][line] : "";
        if (!part.empty()) {
          text += std::string(owed, ' ') + coloured(part, row[i].colour, terminal);
          owed = 0;
        }
        owed += widths[i] - characters(part) + kGap;
      }
      out += text + "\n";
    }
  };
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.push_back({std::string(column.title), Colour::kDim});
  add_row(titles);
  for (const auto& row : rows_) add_row(row);
  return out;
}

}  // namespace holdfast::ctl
