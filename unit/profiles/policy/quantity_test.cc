#include "profiles/policy/quantity.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

template <class T>
T good(std::string_view text) {
  T value;
  EXPECT_EQ(parse_scalar(text, value), "") << text;
  return value;
}
template <class T>
bool bad(std::string_view text) {
  T value;
  return !parse_scalar(text, value).empty();
}

TEST(Quantity, ReadsUnitsAndWritesThemBack) {
  EXPECT_EQ(good<Quantity>("512Mi").value, 512 << 20);
  EXPECT_EQ(good<Quantity>("2k").value, 2000);
  EXPECT_EQ(scalar_text(Quantity{512 << 20}), "512Mi");
  EXPECT_EQ(scalar_text(Quantity{1000}), "1000");
  for (const char* text : {"", "Mi", "-1", "1.5Gi", "12Q", "9223372036854775807Ki", "1 Mi", "0x10"})
    EXPECT_TRUE(bad<Quantity>(text)) << text;
}

TEST(Cpus, ReadsThousandths) {
  EXPECT_EQ(good<Cpus>("1500m").milli, 1500);
  EXPECT_EQ(good<Cpus>("2").milli, 2000);
  EXPECT_EQ(good<Cpus>("0.5").milli, 500);
  EXPECT_EQ(scalar_text(Cpus{1500}), "1500m");
  for (const char* text : {"", "m", "-1", "0.0005", "1.", ".", "two"})
    EXPECT_TRUE(bad<Cpus>(text)) << text;
}

TEST(Seconds, ReadsSpans) {
  EXPECT_EQ(good<Seconds>("10m").value, 600);
  EXPECT_EQ(good<Seconds>("2h").value, 7200);
  EXPECT_TRUE(bad<Seconds>("10d") && bad<Seconds>(""));
}

TEST(Date, KnowsTheCalendar) {
  EXPECT_EQ(good<Date>("2028-02-29"), (Date{2028, 2, 29}));
  for (const char* text : {"2027-02-29", "2100-02-29", "2026-13-01", "2026-1-01", "20261121", ""})
    EXPECT_TRUE(bad<Date>(text)) << text;
  EXPECT_LT((Date{2026, 12, 31}), (Date{2027, 1, 1}));
}

TEST(Date, OfASecond) {
  EXPECT_EQ(scalar_text(date_of(0)), "1970-01-01");
  EXPECT_EQ(scalar_text(date_of(951782400)), "2000-02-29");
  EXPECT_EQ(scalar_text(date_of(1795305599)), "2026-11-21");
  EXPECT_EQ(scalar_text(date_of(1795305600)), "2026-11-22");
  EXPECT_EQ(scalar_text(date_of(-1)), "1969-12-31");
}

}  // namespace
}  // namespace holdfast
