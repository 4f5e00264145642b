// Tables for people: columns that wrap, colour on a terminal only.
//
//   Table table({{"", 1}, {"control", 18}, {"why", 0}});   // width 0: what is left of the line
//   table.add({{"x", Colour::kRed}, {"capabilities"}, {"gives control of the host"}});
//   std::string text = table.text(terminal_of(STDOUT_FILENO));
//
// Cells may hold text of an attacker's (paths, arguments): control characters are shown as '?', so
// that nothing reaches the terminal as a command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::ctl {

enum class Colour { kNone, kRed, kYellow, kGreen, kDim, kBold };

// Where a table is shown.
struct Terminal {
  size_t columns = 120;
  bool colours = false;
};
// That of a descriptor; NO_COLOR in the environment and anything but a terminal mean no colours.
Terminal terminal_of(int fd);

struct Cell {
  std::string text;
  Colour colour = Colour::kNone;
};

struct Column {
  std::string_view title;
  size_t width = 0;  // at most; narrower where all its cells are
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row);
  std::string text(const Terminal& terminal) const;

 private:
  std::vector<size_t> widths(const Terminal& terminal) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// The text with control characters (C0, DEL and C1) and what is no UTF-8 shown as '?'.
std::string printable(std::string_view text);

// Lines of at most `width` characters, broken at blanks where there are any.
std::vector<std::string> wrap(std::string_view text, size_t width);

std::string coloured(std::string_view text, Colour colour, const Terminal& terminal);

}  // namespace holdfast::ctl
