#include "shim/ctl/json_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::ctl {
namespace {

using testing::HasSubstr;

std::string set(const std::string& text, const MemberPath& path, std::string_view value) {
  auto out = set_member(text, path, value);
  return out ? *out : "error: " + out.error().message;
}
std::string removed(const std::string& text, const MemberPath& path) {
  auto out = remove_member(text, path);
  return out ? *out : "error: " + out.error().message;
}

constexpr char kTabs[] = "{\n\t\"debug\": true,\n\t\"list\": [1, {\"a\": \"}\\\"\"}]\n}\n";

TEST(JsonEdit, AddsAMemberInTheFilesOwnIndentation) {
  EXPECT_EQ(set(kTabs, {"x"}, "1"),
            "{\n\t\"debug\": true,\n\t\"list\": [1, {\"a\": \"}\\\"\"}],\n\t\"x\": 1\n}\n");
  EXPECT_EQ(set("{\"a\": 1}", {"x", "y"}, "2"), "{\"a\": 1, \"x\": { \"y\": 2 }}");
  EXPECT_EQ(set("{}\n", {"x", "y"}, "2"), "{\n  \"x\": {\n    \"y\": 2\n  }\n}\n");
  EXPECT_EQ(set("{\n  \"x\": {}\n}", {"x", "y"}, "2"), "{\n  \"x\": {\n    \"y\": 2\n  }\n}");
}

TEST(JsonEdit, ReplacesAValueAndNothingElse) {
  EXPECT_EQ(set("{ \"a\" : [1, 2] , \"b\":2}", {"a"}, "3"), "{ \"a\" : 3 , \"b\":2}");
  EXPECT_EQ(set("{\"o\": {\"k\": \"v\"}}", {"o", "k"}, "\"w\""), "{\"o\": {\"k\": \"w\"}}");
}

TEST(JsonEdit, RemovingWhatWasAddedGivesTheTextAgain) {
  for (const std::string& text :
       std::vector<std::string>{kTabs, "{\"a\": 1}", "{\n    \"a\": {\n    }\n}",
                                "{\n  \"runtimes\": {\"runc\": {}},\n  \"b\": 2\n}\n"}) {
    const std::string with = set(text, {"new"}, "{ \"path\": \"/x\" }");
    EXPECT_NE(with, text);
    EXPECT_EQ(removed(with, {"new"}), text);
  }
  const std::string text = "{\n  \"runtimes\": {\n    \"runc\": {}\n  }\n}\n";
  EXPECT_EQ(removed(set(text, {"runtimes", "new"}, "1"), {"runtimes", "new"}), text);
}

TEST(JsonEdit, RemovesTheFirstTheLastAndTheOnlyMember) {
  EXPECT_EQ(removed("{\"a\": 1, \"b\": 2, \"c\": 3}", {"a"}), "{\"b\": 2, \"c\": 3}");
  EXPECT_EQ(removed("{\"a\": 1, \"b\": 2, \"c\": 3}", {"b"}), "{\"a\": 1, \"c\": 3}");
  EXPECT_EQ(removed("{\"a\": 1, \"b\": 2}", {"b"}), "{\"a\": 1}");
  EXPECT_EQ(removed("{ \"a\": 1 }", {"a"}), "{}");
  EXPECT_EQ(removed("{\"a\": 1}", {"b"}), "{\"a\": 1}");
  EXPECT_EQ(removed("{\"a\": 1}", {"a", "b"}), "{\"a\": 1}");
}

TEST(JsonEdit, TellsAMembersText) {
  EXPECT_EQ(*member("{\"a\": {\"b\": \"c\\u0020\"}}", {"a", "b"}), "\"c\\u0020\"");
  EXPECT_EQ(*member("{\"a\": 1.50 }", {"a"}), "1.50");
  EXPECT_FALSE(member("{\"a\": 1}", {"b"})->has_value());
}

TEST(JsonEdit, SaysWhereATextIsWrong) {
  EXPECT_THAT(set("{\n  \"a\": 1 // no\n}", {"b"}, "1"), HasSubstr("line 2, column"));
  EXPECT_THAT(set("{\"a\": 1, \"a\": 2}", {"b"}, "1"), HasSubstr("duplicate"));
  EXPECT_THAT(set("\n []", {"b"}, "1"), HasSubstr("2:2: expected an object"));
  EXPECT_THAT(set("{\n \"a\": 1}", {"a", "b"}, "1"), HasSubstr("2:7: a: expected an object"));
  EXPECT_THAT(set("", {"b"}, "1"), HasSubstr("error"));
}

}  // namespace
}  // namespace holdfast::ctl
