#include "core/json/codec.h"

#include <gtest/gtest.h>

namespace holdfast::json {
namespace {

enum class Colour { kRed, kGreen };
constexpr Name<Colour> kColours[] = {{"red", Colour::kRed}, {"green", Colour::kGreen}};
constexpr std::span<const Name<Colour>> json_names(Colour) { return kColours; }

struct Inner {
  std::string name;
  uint64_t big = 0;
  bool operator==(const Inner&) const = default;
};
template <class V>
void describe(V& v, Inner& i) {
  v.required("name", i.name);
  v.field("big", i.big);
  v.check(i.name != "bad", "name", "must not be bad");
}

struct Outer {
  int8_t small = 0;
  bool flag = true;
  Colour colour = Colour::kRed;
  std::optional<int32_t> maybe;
  std::vector<std::string> words;
  std::map<std::string, Inner> things;
  Inner inner;
  bool operator==(const Outer&) const = default;
};
template <class V>
void describe(V& v, Outer& o) {
  v.field("small", o.small);
  v.always("flag", o.flag);
  v.field("colour", o.colour);
  v.field("maybe", o.maybe);
  v.field("words", o.words);
  v.field("things", o.things);
  v.field("inner", o.inner);
}

std::string error_of(std::string_view text, Options options = {}) {
  const auto outer = decode<Outer>(text, options);
  return outer ? "accepted" : outer.error().message;
}

TEST(Codec, DecodeOfEncodeIsTheSame) {
  Outer outer;
  outer.small = -128;
  outer.flag = false;
  outer.colour = Colour::kGreen;
  outer.maybe = 0;
  outer.words = {"", "a\"b\\c\n\x01"};
  outer.things["x y"] = {"n", UINT64_MAX};
  outer.inner.name = "i";
  const std::string text = encode(outer);
  const auto back = decode<Outer>(text, {.strict = true});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, outer);
  EXPECT_EQ(encode(*back), text);
  const auto pretty = decode<Outer>(encode(outer, Layout::kPretty));
  ASSERT_TRUE(pretty);
  EXPECT_EQ(*pretty, outer);
}

TEST(Codec, CanonicalFormLeavesOutWhatIsEmpty) {
  Outer outer;
  outer.inner.name = "i";
  EXPECT_EQ(encode(outer), R"({"flag":true,"colour":"red","inner":{"name":"i"}})");
}

TEST(Codec, PrettyFormIndents) {
  Outer outer;
  outer.words = {"a", "b"};
  outer.inner.name = "i";
  EXPECT_EQ(encode(outer, Layout::kPretty), R"({
  "flag": true,
  "colour": "red",
  "words": [
    "a",
    "b"
  ],
  "inner": {
    "name": "i"
  }
})");
}

TEST(Codec, CollectsAllErrorsWithTheirPaths) {
  EXPECT_EQ(
      error_of(R"({"small":128,"colour":"blue","words":["a",1],"things":{"a b":{"name":2}}})"),
      "small: expected integer in range -128 to 127, found 128; "
      "colour: unknown value \"blue\" (known: red, green); "
      "words[1]: expected string, found number; "
      "things[\"a b\"].name: expected string, found number");
}

TEST(Codec, NamesWhatIsMissingAndChecksOnce) {
  EXPECT_EQ(error_of(R"({"inner":{}})"), "inner.name: missing");
  EXPECT_EQ(error_of(R"({"inner":{"name":"bad"}})"), "inner.name: must not be bad");
}

TEST(Codec, NullIsAbsentButNotInArrays) {
  EXPECT_EQ(error_of(R"({"small":null,"words":null,"things":null,"inner":null})"), "accepted");
  EXPECT_EQ(error_of(R"({"words":[null]})"), "words[0]: expected string, found null");
}

TEST(Codec, StrictRefusesUnknownMembers) {
  EXPECT_EQ(error_of(R"({"smal":1,"inner":{"name":"x","extra":{}}})"), "accepted");
  EXPECT_EQ(error_of(R"({"smal":1,"inner":{"name":"x","extra":{}}})", {.strict = true}),
            "inner.extra: unknown field; smal: unknown field");
}

TEST(Codec, IntegersAreWholeAndInRange) {
  for (const char* text : {"1.0", "1e2", "-129", "99999999999999999999999"})
    EXPECT_NE(
        error_of(std::string("{\"small\":") + text + "}").find("small: expected integer in range"),
        std::string::npos)
        << text;
  EXPECT_EQ(error_of(R"({"small":"1"})"), "small: expected integer, found string");
}

TEST(Codec, RefusesNulBytesInStringsAndMapKeys) {
  EXPECT_EQ(error_of("{\"words\":[\"a\\u0000b\"]}"), "words[0]: holds a NUL byte");
  EXPECT_EQ(error_of("{\"things\":{\"k\\u0000\":{\"name\":\"x\"}}}"),
            "things[\"k\\u0000\"]: holds a NUL byte");
}

TEST(Codec, ErrorsStayOneBoundedLine) {
  std::string text = "{\"words\":[";
  for (int i = 0; i < 1000; ++i) text += "1,";
  text += "1],\"things\":{\"line\\nbreak\":1}}";
  const std::string message = error_of(text);
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_NE(message.find("; and 982 more"), std::string::npos) << message;
  EXPECT_LT(message.size(), 2000u);
}

}  // namespace
}  // namespace holdfast::json
