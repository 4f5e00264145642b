#include "core/event/redact.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

std::string masked(const std::vector<std::string>& args) { return command_line(args, 4096); }

TEST(Redact, OptionsThatSpeakOfSecretsLoseTheirValues) {
  EXPECT_EQ(masked({"mysql", "--password=hunter2", "db"}), "mysql --password=*** db");
  EXPECT_EQ(masked({"curl", "--token", "abc", "x"}), "curl --token *** x");
  EXPECT_EQ(masked({"app", "--api-key=1", "--APIKEY", "2"}), "app --api-key=*** --APIKEY ***");
  EXPECT_EQ(masked({"x", "--password", "--verbose"}), "x --password --verbose");
  EXPECT_EQ(masked({"env", "DB_PASSWORD=a b", "AWS_SECRET_ACCESS_KEY=c"}),
            "env DB_PASSWORD=*** AWS_SECRET_ACCESS_KEY=***");
}

TEST(Redact, ProgramsWithTheirOwnWaysAreKnown) {
  EXPECT_EQ(masked({"/usr/bin/mysql", "-phunter2", "-uroot"}), "/usr/bin/mysql -p*** -uroot");
  EXPECT_EQ(masked({"sshpass", "-p", "x", "ssh"}), "sshpass -p *** ssh");
  EXPECT_EQ(masked({"curl", "-u", "me:pw", "h"}), "curl -u me:*** h");
  EXPECT_EQ(masked({"mkdir", "-p", "/tmp/a"}), "mkdir -p /tmp/a");
}

TEST(Redact, UrlsAndHeadersLoseTheirSecrets) {
  EXPECT_EQ(masked({"git", "clone", "https://me:pw@host/x"}), "git clone https://me:***@host/x");
  EXPECT_EQ(masked({"wget", "http://host:80/a@b"}), "wget http://host:80/a@b");
  EXPECT_EQ(masked({"curl", "-HAuthorization: Bearer abc.def"}),
            "curl '-HAuthorization: Bearer ***'");
  EXPECT_EQ(masked({"curl", "-H", "X-Auth-Token: abc"}), "curl -H 'X-Auth-Token: ***'");
}

TEST(Redact, SecretsWithinAShellsScriptAreFound) {
  EXPECT_EQ(masked({"sh", "-c", "DB_PASSWORD=x run --token abc --password=y; id"}),
            "sh -c 'DB_PASSWORD=*** run --token *** --password=***; id'");
}

TEST(Redact, WhatIsNoSecretStays) {
  for (const char* plain : {"a=b", "PATH=/bin", "--user=me", "key", "--passive", "compass=1x"})
    EXPECT_EQ(masked({"x", plain}).find(kMask) == std::string::npos,
              std::string_view(plain) != "compass=1x")
        << plain;
}

TEST(Redact, SecretsStayHiddenWhereverTheCutFalls) {
  for (size_t limit = 1; limit < 64; ++limit)
    EXPECT_EQ(command_line({"app", "--password=hunter2hunter2", "--token", "hunter2"}, limit)
                  .find("hunter"),
              std::string::npos)
        << limit;
}

TEST(Redact, ACommandLineIsBoundedAndSaysWhatWasCut) {
  const std::string line = command_line(std::vector<std::string>(100, "aaaa"), 64);
  EXPECT_LE(line.size(), 100U);
  EXPECT_TRUE(line.ends_with("..."));
  EXPECT_LE(command_line({std::string(1 << 20, 'x')}, 256).size(), 300U);
}

TEST(Redact, ACommandLineIsSplitAsItWasJoined) {
  const std::vector<std::string> args{"sh", "-c", "echo 'it''s' \\ \"a\"\n", "", "ä", "a b"};
  EXPECT_EQ(split_command_line(command_line(args, 4096)), args);
  EXPECT_TRUE(split_command_line("").empty());
}

TEST(Redact, CleanTextIsValidAndIsNotCutTwice) {
  EXPECT_EQ(clean("a\xff"
                  "b",
                  10),
            "a\xef\xbf\xbd"
            "b");
  for (size_t limit = 3; limit < 20; ++limit) {
    const std::string once = clean("aäöüä\xf0\x9f\x98\x80zzzzzz\xff", limit);
    EXPECT_LE(once.size(), limit);
    EXPECT_EQ(clean(once, limit), once) << limit;
  }
}

}  // namespace
}  // namespace holdfast
