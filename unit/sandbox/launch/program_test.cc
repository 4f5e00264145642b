#include "sandbox/launch/program.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "broken line\n"
    "short:x:7\n"
    "user:x:1000:1000::/home/user:/bin/sh\n"
    "again:x:1000:1000::/elsewhere:/bin/sh\n"
    "empty:x:5:5:::/bin/sh\n"
    "sign:x:+6:6::/sign:/bin/sh\n";

TEST(HomeDirectory, IsTheFirstEntryOfTheUid) {
  EXPECT_EQ(home_directory(kPasswd, 0), "/root");
  EXPECT_EQ(home_directory(kPasswd, 1000), "/home/user");
}

TEST(HomeDirectory, IsTheRootForUsersWithoutOne) {
  EXPECT_EQ(home_directory(kPasswd, 4711), "/");
  EXPECT_EQ(home_directory(kPasswd, 5), "/");
  EXPECT_EQ(home_directory("", 0), "/");
}

TEST(HomeDirectory, IgnoresMalformedEntries) {
  EXPECT_EQ(home_directory(kPasswd, 7), "/");
  EXPECT_EQ(home_directory(kPasswd, 6), "/");
}

TEST(FindProgram, NamesAMissingPathAsEnginesExpect) {
  const auto found = find_program("/does/not/exist", {});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message,
            "exec: \"/does/not/exist\": stat /does/not/exist: no such file or directory");
}

TEST(FindProgram, NamesAMissingCommandAsEnginesExpect) {
  const auto found = find_program("no-such-command", {"PATH=/usr/bin:/bin"});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "exec: \"no-such-command\": executable file not found in $PATH");
}

TEST(FindProgram, RefusesDirectoriesAndPlainFiles) {
  EXPECT_EQ(find_program("/etc", {}).error().message, "exec: \"/etc\": permission denied");
  EXPECT_EQ(find_program("/etc/passwd", {}).error().message,
            "exec: \"/etc/passwd\": permission denied");
}

TEST(FindProgram, SearchesThePathInOrder) {
  const auto found = find_program("sh", {"HOME=/", "PATH=/nowhere:/bin:/usr/bin"});
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, "/bin/sh");
}

}  // namespace
}  // namespace holdfast
