#include "shim/oci/arguments.h"

#include <gtest/gtest.h>

#include "shim/oci/verb.h"

namespace holdfast {
namespace {

constexpr Flag kFlags[] = {
    {"bundle", 'b', FlagKind::kText, "DIR", "where"},
    {"force", 'f', FlagKind::kSwitch, "", "really"},
    {"tty", 't', FlagKind::kSwitch, "", "terminal"},
    {"env", 'e', FlagKind::kList, "VAR", "more"},
};
constexpr Syntax kSyntax{.name = "verb",
                         .operands = "ID",
                         .summary = "does things",
                         .example = "holdfast verb c1",
                         .flags = kFlags,
                         .min_operands = 1,
                         .max_operands = 2};

Result<Arguments> read(const std::vector<std::string>& words, Syntax syntax = kSyntax) {
  return parse(syntax, words);
}

std::string failure(const std::vector<std::string>& words, Syntax syntax = kSyntax) {
  const auto args = read(words, syntax);
  return args ? "accepted" : args.error().message;
}

TEST(Arguments, TakesAValueInEverySpellingOfTheFlag) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"--bundle", "/b", "c1"},
                                                                 {"--bundle=/b", "c1"},
                                                                 {"-bundle", "/b", "c1"},
                                                                 {"-bundle=/b", "c1"},
                                                                 {"-b", "/b", "c1"},
                                                                 {"-b=/b", "c1"},
                                                                 {"c1", "--bundle", "/b"}}) {
    const auto args = read(words);
    ASSERT_TRUE(args) << words[0] << ": " << args.error().message;
    EXPECT_EQ(args->text("bundle"), "/b") << words[0];
    EXPECT_EQ(args->operands(), std::vector<std::string>{"c1"}) << words[0];
  }
}

TEST(Arguments, AFlagsValueMayLookLikeAFlag) {
  const auto args = read({"-b", "--force", "c1"});
  ASSERT_TRUE(args);
  EXPECT_EQ(args->text("bundle"), "--force");
  EXPECT_FALSE(args->on("force"));
}

TEST(Arguments, SwitchesTakeAnExplicitValueAndTheLastOneCounts) {
  EXPECT_TRUE(read({"--force", "c1"})->on("force"));
  EXPECT_TRUE(read({"--force=1", "c1"})->on("force"));
  EXPECT_FALSE(read({"--force=false", "c1"})->on("force"));
  EXPECT_FALSE(read({"-f", "-f=false", "c1"})->on("force"));
  EXPECT_EQ(failure({"--force=yes", "c1"}), "invalid boolean value \"yes\" for -force");
}

TEST(Arguments, OneDashMayCarrySeveralSwitches) {
  const auto args = read({"-ft", "c1"});
  ASSERT_TRUE(args) << args.error().message;
  EXPECT_TRUE(args->on("force"));
  EXPECT_TRUE(args->on("tty"));
  EXPECT_EQ(failure({"-fb", "c1"}), "flag provided but not defined: -fb");
  EXPECT_EQ(failure({"--ft", "c1"}), "flag provided but not defined: -ft");
}

TEST(Arguments, ListsKeepEveryValueInOrder) {
  const auto args = read({"-e", "A=1,2", "--env=B=x=y", "c1"});
  ASSERT_TRUE(args);
  EXPECT_EQ(args->list("env"), (std::vector<std::string>{"A=1,2", "B=x=y"}));
}

TEST(Arguments, WhatIsUnknownOrIncompleteIsAnError) {
  EXPECT_EQ(failure({"--bogus", "c1"}), "flag provided but not defined: -bogus");
  EXPECT_EQ(failure({"--bundle"}), "flag needs an argument: -bundle");
  EXPECT_EQ(failure({}), "\"verb\" requires a minimum of 1 argument(s)");
  EXPECT_EQ(failure({"a", "b", "c"}), "\"verb\" requires a maximum of 2 argument(s)");
  Syntax exact = kSyntax;
  exact.max_operands = 1;
  EXPECT_EQ(failure({"a", "b"}, exact), "\"verb\" requires exactly 1 argument(s)");
}

TEST(Arguments, AfterTwoDashesAllIsAnOperand) {
  const auto args = read({"--", "--force", "-x"});
  ASSERT_TRUE(args);
  EXPECT_EQ(args->operands(), (std::vector<std::string>{"--force", "-x"}));
}

TEST(Arguments, AVerbMayLeaveWhatFollowsItsFirstOperandAlone) {
  Syntax exec = kSyntax;
  exec.stops_at_operand = true;
  exec.max_operands = SIZE_MAX;
  const auto args = read({"-t", "c1", "ls", "-l", "--force"}, exec);
  ASSERT_TRUE(args) << args.error().message;
  EXPECT_EQ(args->operands(), (std::vector<std::string>{"c1", "ls", "-l", "--force"}));
  EXPECT_FALSE(args->on("force"));
}

TEST(Arguments, NumbersAreStrict) {
  EXPECT_EQ(*read({"-b", "17", "c1"})->number<uint32_t>("bundle", 0), 17u);
  EXPECT_EQ(*read({"c1"})->number<uint32_t>("bundle", 4), 4u);
  for (const char* bad : {"", "-1", "1x", " 1", "4294967296"})
    EXPECT_FALSE(read({"-b", bad, "c1"})->number<uint32_t>("bundle", 0)) << bad;
}

TEST(Arguments, HelpIsTakenAnywhereAndNeedsNoOperands) {
  EXPECT_TRUE(read({"--help"})->wants_help());
  EXPECT_TRUE(read({"c1", "-h"})->wants_help());
}

TEST(Usage, TellsEveryFlagAndAnExampleForEveryVerb) {
  for (const Verb* verb : verbs()) {
    const std::string text = usage(verb->syntax);
    EXPECT_NE(text.find(verb->syntax.summary), std::string::npos) << verb->syntax.name;
    const std::string example = fmt::format("Example:\n  holdfast {}", verb->syntax.name);
    EXPECT_TRUE(verb->syntax.takes_any_flag || text.find(example) != std::string::npos) << text;
    for (const auto flags : {verb->syntax.flags, verb->syntax.more_flags})
      for (const Flag& flag : flags) {
        EXPECT_NE(text.find(fmt::format("--{}", flag.name)), std::string::npos) << flag.name;
        EXPECT_NE(text.find(flag.help), std::string::npos) << flag.name;
      }
  }
}

TEST(Verbs, AreFoundByNameAndInOrder) {
  std::string_view last;
  for (const Verb* verb : verbs()) {
    EXPECT_LT(last, verb->syntax.name);
    last = verb->syntax.name;
    EXPECT_EQ(find_verb(verb->syntax.name), verb);
    EXPECT_NE(global_usage().find(verb->syntax.summary), std::string::npos);
  }
  EXPECT_EQ(find_verb("bogus"), nullptr);
  EXPECT_EQ(find_verb(""), nullptr);
}

CommandLine global(const std::vector<std::string>& words, std::string* failed = nullptr) {
  CommandLine line;
  const auto done = parse_command_line(words, line);
  if (!done && failed) *failed = done.error().message;
  if (!done && !failed) ADD_FAILURE() << done.error().message;
  return line;
}

TEST(CommandLine, ReadsWhatDockerSends) {
  const auto line =
      global({"--root", "/run/r/moby", "--log", "/b/log.json", "--log-format", "json",
              "--systemd-cgroup", "create", "--bundle", "/b", "--pid-file", "/b/pid", "c1"});
  EXPECT_EQ(line.globals.root, "/run/r/moby");
  EXPECT_EQ(line.globals.log.destination, "/b/log.json");
  EXPECT_EQ(line.globals.log.format, LogFormat::kJson);
  EXPECT_EQ(line.globals.cgroup_driver, CgroupDriver::kSystemd);
  EXPECT_FALSE(line.globals.rootless);
  EXPECT_EQ(line.rest[0], "create");
  EXPECT_EQ(line.rest.back(), "c1");
}

TEST(CommandLine, ReadsWhatPodmanSends) {
  const auto line = global({"--log-format=json", "--log", "/l", "--cgroup-manager", "disabled",
                            "--rootless=true", "start", "c1"});
  EXPECT_EQ(line.globals.cgroup_driver, CgroupDriver::kDisabled);
  EXPECT_EQ(line.globals.rootless, true);
  EXPECT_EQ(line.globals.log.destination, "/l");
  EXPECT_EQ(line.globals.log.format, LogFormat::kJson);
}

TEST(CommandLine, AnErrorInItStillReachesTheLogThatItNames) {
  std::string failed;
  const auto line = global({"--bogus", "--log=/l", "--log-format=json", "state", "c1"}, &failed);
  EXPECT_EQ(failed, "flag provided but not defined: -bogus");
  EXPECT_EQ(line.globals.log.destination, "/l");
  EXPECT_EQ(line.globals.log.format, LogFormat::kJson);
}

TEST(CommandLine, RefusesValuesThatItDoesNotKnow) {
  for (const auto& [words, why] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--log-format", "xml", "list"}, "invalid log-format: xml"},
           {{"--cgroup-manager", "x", "list"},
            "unknown cgroup manager \"x\": cgroupfs, systemd or disabled"},
           {{"--rootless", "maybe", "list"},
            "invalid value \"maybe\" for flag --rootless: true, false or auto"},
           {{"--root", "", "list"}, "--root: empty path"}}) {
    std::string failed;
    global(words, &failed);
    EXPECT_EQ(failed, why);
  }
}

TEST(CommandLine, VersionIsInTheFormThatEnginesParse) {
  EXPECT_TRUE(global({"--version"}).version);
  EXPECT_TRUE(global({"-v"}).version);
  const std::string text = version_text();
  EXPECT_EQ(text.find("holdfast version "), 0u);
  EXPECT_NE(text.find("\ncommit: "), std::string::npos);
  EXPECT_NE(text.find("\nspec: 1.3.0\n"), std::string::npos);
}

}  // namespace
}  // namespace holdfast
