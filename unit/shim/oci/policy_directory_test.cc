#include "shim/oci/policy_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "core/base/fd.h"
#include "shim/oci/load_policy.h"

namespace holdfast {
namespace {

class PolicyDirectory : public testing::Test {
 protected:
  PolicyDirectory() {
    char name[] = "/tmp/holdfast-unit-XXXXXX";
    root_ = ::mkdtemp(name);
    dir_ = root_ + "/etc";
    for (const char* each : {"", "/policy.d", "/profiles"}) ::mkdir((dir_ + each).c_str(), 0755);
  }
  ~PolicyDirectory() override {
    auto tmp = DirFd::open("/tmp");
    (void)tmp->remove_tree(root_.substr(5));
  }

  void write(const std::string& name, std::string_view text, mode_t mode = 0644) {
    const std::string path = dir_ + "/" + name;
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    ASSERT_TRUE(write_all(fd, text));
    ASSERT_EQ(::fchmod(fd.get(), mode), 0);
  }
  std::string failure() {
    const auto texts = read_policy_directory(dir_, ::geteuid());
    EXPECT_FALSE(texts);
    return texts ? "" : texts.error().message;
  }

  std::string root_, dir_;
};

TEST_F(PolicyDirectory, IsReadInTheOrderOfItsNames) {
  write("policy.d/20-b.json", "two");
  write("policy.d/10-a.json", "one");
  write("policy.d/.hidden.json", "x");
  write("policy.d/10-a.json~", "x");
  write("policy.d/README", "x");
  write("profiles/web.json", "p");
  const auto texts = read_policy_directory(dir_, ::geteuid());
  ASSERT_TRUE(texts) << texts.error().message;
  ASSERT_EQ(texts->policies.size(), 2u);
  EXPECT_EQ(texts->policies[0].path, dir_ + "/policy.d/10-a.json");
  EXPECT_EQ(texts->policies[0].text, "one");
  EXPECT_EQ(texts->policies[1].text, "two");
  ASSERT_EQ(texts->profiles.size(), 1u);
}

TEST_F(PolicyDirectory, ThatDoesNotExistMeansTheBuiltInPolicy) {
  const auto set = load_policy_from(root_ + "/none", ::geteuid());
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_TRUE(set->empty());
}

TEST_F(PolicyDirectory, WhatOthersCanChangeIsRefused) {
  write("policy.d/1.json", "{}", 0620);
  EXPECT_NE(failure().find("1.json: others can write to it (chmod go-w"), std::string::npos);
  write("policy.d/1.json", "{}", 0644);
  EXPECT_TRUE(read_policy_directory(dir_, ::geteuid()));
  for (const char* each : {"", "/policy.d", "/profiles"}) {
    ASSERT_EQ(::chmod((dir_ + each).c_str(), 0777), 0);
    EXPECT_NE(failure().find("others can write to it"), std::string::npos) << each;
    ASSERT_EQ(::chmod((dir_ + each).c_str(), 0755), 0);
  }
  const auto foreign = read_policy_directory(dir_, ::geteuid() + 1);
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message.find("it belongs to uid"), std::string::npos);
}

TEST_F(PolicyDirectory, WhatIsNoFileIsRefused) {
  write("other", "{}");
  ASSERT_EQ(::symlink("../other", (dir_ + "/policy.d/1.json").c_str()), 0);
  EXPECT_NE(failure().find("a symbolic link"), std::string::npos);
  ASSERT_EQ(::unlink((dir_ + "/policy.d/1.json").c_str()), 0);
  ASSERT_EQ(::mkfifo((dir_ + "/policy.d/1.json").c_str(), 0600), 0);
  EXPECT_NE(failure().find("not a regular file"), std::string::npos);
}

TEST_F(PolicyDirectory, AFileThatIsTooLargeIsRefusedUnread) {
  write("policy.d/1.json", "{}");
  ASSERT_EQ(::truncate((dir_ + "/policy.d/1.json").c_str(), 10 << 20), 0);
  EXPECT_NE(failure().find("larger than 1048576 bytes"), std::string::npos);
}

TEST_F(PolicyDirectory, TheOldFileIsRefusedAndSaysWhereItGoes) {
  write("policy.json", "{}");
  EXPECT_NE(failure().find("policy.d/*.json now"), std::string::npos);
}

// One of two directories is put in the place of the other all the time; each has two files that belong
// together.
TEST_F(PolicyDirectory, ThatIsReplacedIsReadAsOneOrTheOther) {
  for (const char* each : {"a", "b"}) {
    ASSERT_EQ(::mkdir((dir_ + "/" + each).c_str(), 0755), 0);
    for (const char* name : {"1.json", "2.json"}) write(std::string(each) + "/" + name, each);
  }
  ASSERT_EQ(::rmdir((dir_ + "/policy.d").c_str()), 0);
  ASSERT_EQ(::rename((dir_ + "/a").c_str(), (dir_ + "/policy.d").c_str()), 0);
  std::atomic<bool> done = false;
  std::thread swapper([&] {
    const std::string live = dir_ + "/policy.d", a = dir_ + "/a", b = dir_ + "/b";
    while (!done) {
      ::rename(live.c_str(), a.c_str());
      ::rename(b.c_str(), live.c_str());
      ::usleep(300);
      ::rename(live.c_str(), b.c_str());
      ::rename(a.c_str(), live.c_str());
      ::usleep(300);
    }
  });
  size_t both[2] = {0, 0};
  for (int round = 0; round < 300; ++round) {
    const auto texts = read_policy_directory(dir_, ::geteuid());
    if (!texts) continue;  // it changed each time: an error, and no container starts
    ASSERT_EQ(texts->policies.size(), 2u) << "round " << round;
    EXPECT_EQ(texts->policies[0].text, texts->policies[1].text) << "round " << round;
    ++both[texts->policies[0].text == "a" ? 0 : 1];
  }
  done = true;
  swapper.join();
  EXPECT_GT(both[0] + both[1], 100u);
}

}  // namespace
}  // namespace holdfast
