#include "core/json/document.h"

#include <gtest/gtest.h>

namespace holdfast::json {
namespace {

std::string error_of(std::string_view text, const Limits& limits = {}) {
  const auto document = Document::parse(text, limits);
  return document ? "accepted" : document.error().message;
}

TEST(Document, KeepsValuesAndOrder) {
  const auto document =
      Document::parse(R"({"a": [1, -2.5e3, "x\u00e9\n", true, false, null, {}], "b": {"c": "d"}})");
  ASSERT_TRUE(document) << document.error().message;
  const Value root = document->root();
  std::vector<std::string> seen;
  for (const Value each : root.find("a").children())
    seen.push_back(std::string(kind_name(each.kind())) + ":" + std::string(each.text()));
  EXPECT_EQ(seen, (std::vector<std::string>{"number:1", "number:-2.5e3", "string:x\xc3\xa9\n",
                                            "boolean:", "boolean:", "null:", "object:"}));
  EXPECT_EQ(root.find("b").find("c").text(), "d");
  EXPECT_FALSE(root.find("nothing").present());
}

TEST(Document, KeepsNumbersAsText) {
  const auto document = Document::parse("18446744073709551615");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->root().text(), "18446744073709551615");
}

TEST(Document, FindsMembersInAnyOrderWithAHint) {
  const auto document = Document::parse(R"({"a":1,"b":{"x":9},"c":3})");
  ASSERT_TRUE(document);
  uint32_t hint = 0;
  for (const char* name : {"c", "a", "b", "c", "b"})
    EXPECT_EQ(document->root().find(name, hint).key(), name);
  EXPECT_FALSE(document->root().find("x", hint).present());
}

TEST(Document, SaysWhereTheSyntaxIsWrong) {
  EXPECT_EQ(error_of("{\"a\":1,\n \"b\":x}"),
            "line 2, column 6: lexical error: invalid char in json text");
  EXPECT_NE(error_of("").find("premature EOF"), std::string::npos);
  EXPECT_NE(error_of("{\"a\":1").find("line 1, column 7"), std::string::npos);
  EXPECT_NE(error_of("{}x").find("line 1, column 3"), std::string::npos);
  EXPECT_NE(error_of("{} {}").find("trailing garbage"), std::string::npos);
  EXPECT_NE(error_of("[1,]").find("line 1, column 4"), std::string::npos);
  EXPECT_NE(error_of("[01]").find("line 1"), std::string::npos);
}

TEST(Document, RefusesDuplicateKeysWithTheirPath) {
  EXPECT_EQ(error_of(R"({"a":1,"a":2})"), "a: duplicate key (line 1)");
  EXPECT_EQ(error_of("{\"p\":[{},{\"q\":{\"k\":1,\n\"k\":2}}]}"),
            "p[1].q.k: duplicate key (line 2)");
  EXPECT_EQ(error_of(R"({"a":1,"\u0061":2})"), "a: duplicate key (line 1)");
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(error_of(many + "\"k7\":1}"), "k7: duplicate key (line 1)");
  EXPECT_EQ(error_of(many + "\"k\":1}"), "accepted");
}

TEST(Document, ErrorsAboutDeepOddKeysStayShort) {
  std::string key;
  for (int i = 0; i < 64; ++i) key += "\\u0001";
  std::string text;
  for (int i = 0; i < 60; ++i) text += "{\"" + key + "\":";
  const std::string message = error_of(text + R"({"a":1,"a":2})" + std::string(60, '}'));
  EXPECT_TRUE(message.ends_with("....a: duplicate key (line 1)")) << message;
  EXPECT_LT(message.size(), 1500u);
}

TEST(Document, BoundsDepthSizeAndCount) {
  EXPECT_EQ(error_of(std::string(1000000, '[')), "nested deeper than 64");
  EXPECT_EQ(error_of(std::string(64, '[') + std::string(64, ']')), "accepted");
  EXPECT_EQ(error_of("[1,2,3]", {.nodes = 3}), "more than 3 values");
  EXPECT_EQ(error_of("[1,2,3]", {.bytes = 6}), "larger than 6 bytes");
}

TEST(Document, RefusesWhatIsNotUtf8) {
  const char* const bad[] = {"\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                             "\"\xff\"",     "\"\xe2\x82\"",     "\"abcdefgh\x80\""};
  for (const char* text : bad)
    EXPECT_NE(error_of(text).find("invalid UTF-8"), std::string::npos) << text;
  EXPECT_EQ(error_of("\"\xf0\x9f\x9a\xa2 \xe2\x82\xac\""), "accepted");
}

TEST(Document, RefusesHalfSurrogates) {
  for (const char* text :
       {R"("\ud800")", R"("\udc00\ud800")", R"("\ud800x")", R"("\ud800\\udc00")"})
    EXPECT_NE(error_of(text).find("surrogate"), std::string::npos) << text;
  EXPECT_EQ(error_of(R"("\ud83d\udea2")"), "accepted");
  EXPECT_EQ(error_of(R"("\\ud800")"), "accepted");
}

TEST(Document, TakesCommentsOnlyWhenAsked) {
  EXPECT_NE(error_of("{ // why\n}"), "accepted");
  EXPECT_EQ(error_of("{ // why\n /* and */ \"a\": 1 }", {.comments = true}), "accepted");
}

}  // namespace
}  // namespace holdfast::json
