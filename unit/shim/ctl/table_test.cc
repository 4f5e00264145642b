#include "shim/ctl/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Table, KeepsColumnsAlignedAndLinesWithoutTrailingBlanks) {
  Table table({{"", 1}, {"control", 20}, {"why", 0}});
  table.add({{"=", Colour::kNone}, {"rootfs", Colour::kNone}, {"", Colour::kNone}});
  table.add({{"x", Colour::kRed}, {"capabilities", Colour::kNone}, {"drop it", Colour::kNone}});
  EXPECT_EQ(table.text({}),
            "   control       why\n"
            "=  rootfs\n"
            "x  capabilities  drop it\n");
}

TEST(Table, WrapsACellAndLeavesTheOthersBlank) {
  Table table({{"a", 5}, {"b", 0}});
  table.add({{"one two", Colour::kNone}, {"z", Colour::kNone}});
  EXPECT_EQ(table.text({}), "a      b\none    z\ntwo\n");
}

TEST(Table, ColoursOnlyWhereTheyAreWanted) {
  Table table({{"a", 5}});
  table.add({{"x", Colour::kRed}});
  EXPECT_THAT(table.text({.columns = 80, .colours = false}), Not(HasSubstr("\033")));
  EXPECT_THAT(table.text({.columns = 80, .colours = true}), HasSubstr("\033[31mx\033[0m"));
}

TEST(Table, LetsNoControlCharacterReachTheTerminal) {
  Table table({{"a", 40}});
  table.add(
      {{"\033]0;owned\a\r\n\x7f\xc2\x9b"
        "end",
        Colour::kNone}});
  EXPECT_EQ(table.text({}), "a\n?]0;owned??????end\n");
}

TEST(Printable, KeepsTextOfOtherLanguagesAndMarksWhatIsNoText) {
  EXPECT_EQ(printable("Größe 東京"), "Größe 東京");
  EXPECT_EQ(printable("a\xff"
                      "b\xe6\x9d"),
            "a?b??");
}

TEST(Wrap, BreaksAtBlanksAndOtherwiseAnywhere) {
  EXPECT_THAT(wrap("one two three", 8), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(wrap("Größe", 3), ElementsAre("Grö", "ße"));
  EXPECT_THAT(wrap("", 3), ElementsAre(""));
}

}  // namespace
}  // namespace holdfast::ctl
