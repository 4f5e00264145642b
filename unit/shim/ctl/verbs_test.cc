#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "shim/ctl/json_answer.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CtlVerbs, EveryCommandIsFoundByItsOwnNameAndLeavesTheWordsAfterIt) {
  for (const CtlVerb* verb : verbs()) {
    std::vector<std::string> words;
    for (std::string_view rest = verb->syntax.name; !rest.empty();) {
      const size_t blank = std::min(rest.find(' '), rest.size());
      words.emplace_back(rest.substr(0, blank));
      rest.remove_prefix(std::min(blank + 1, rest.size()));
    }
    words.emplace_back("operand");
    const auto chosen = choose_verb(words);
    ASSERT_TRUE(chosen) << verb->syntax.name;
    EXPECT_EQ(chosen->verb, verb);
    EXPECT_THAT(chosen->rest, ElementsAre("operand"));
  }
}

TEST(CtlVerbs, AWordThatIsNoCommandChoosesNone) {
  const std::vector<std::string> words{"explains"};
  EXPECT_FALSE(choose_verb(words));
  EXPECT_FALSE(choose_verb({}));
}

TEST(CtlVerbs, NamesAreUniqueAndEachHasAnExampleThatCallsIt) {
  std::set<std::string_view> names;
  for (const CtlVerb* verb : verbs()) {
    EXPECT_TRUE(names.insert(verb->syntax.name).second) << verb->syntax.name;
    EXPECT_THAT(std::string(verb->syntax.example),
                HasSubstr("holdfastctl " + std::string(verb->syntax.name)));
    EXPECT_FALSE(verb->syntax.summary.empty());
    EXPECT_THAT(overview(), HasSubstr("  " + std::string(verb->syntax.name) + " "));
  }
}

TEST(JsonAnswer, LeavesOutWhatIsEmptyAndShowsNoControlCharacters) {
  JsonAnswer answer;
  answer.text("id", "a\033[1m");
  answer.text_if_any("note", "");
  answer.begin_list("all");
  answer.element("x");
  answer.end_list();
  EXPECT_EQ(std::move(answer).take(),
            "{\n  \"version\": 1,\n  \"id\": \"a?[1m\",\n  \"all\": [\n    \"x\"\n  ]\n}\n");
}

}  // namespace
}  // namespace holdfast::ctl
