// Signals, sizes, durations, sub-cgroups, policies: the small readers of the command line.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "shim/oci/container.h"
#include "shim/oci/pid_file.h"
#include "shim/oci/signal_name.h"
#include "shim/oci/sub_cgroup.h"
#include "shim/oci/units.h"

namespace holdfast {
namespace {

TEST(Signal, IsReadByNumberAndName) {
  EXPECT_EQ(parse_signal("9"), SIGKILL);
  EXPECT_EQ(parse_signal("KILL"), SIGKILL);
  EXPECT_EQ(parse_signal("SIGKILL"), SIGKILL);
  EXPECT_EQ(parse_signal("sigterm"), SIGTERM);
  EXPECT_EQ(parse_signal("SIGPOLL"), SIGIO);
  EXPECT_EQ(parse_signal("CLD"), SIGCHLD);
  EXPECT_EQ(parse_signal("0"), 0);
  EXPECT_EQ(parse_signal("64"), 64);
  EXPECT_EQ(parse_signal("RTMIN"), 34);
  EXPECT_EQ(parse_signal("SIGRTMIN+3"), 37);
  EXPECT_EQ(parse_signal("SIGRTMAX-1"), 63);
}

TEST(Signal, NothingElseIsOne) {
  for (const char* bad : {"", "SIG", "9x", " 9", "-9", "+9", "65", "FOO", "SIGSIGKILL", "RTMIN-1",
                          "RTMAX+1", "RTMIN+31", "RTMIN+", "RTMIN+x", "4294967305"})
    EXPECT_EQ(parse_signal(bad), std::nullopt) << bad;
}

TEST(Signal, EveryNameOfTheLibraryIsKnown) {
  for (int number = 1; number < 32; ++number) {
    const char* const name = sigabbrev_np(number);
    ASSERT_NE(name, nullptr);
    EXPECT_EQ(parse_signal(name), number) << name;
  }
}

TEST(Bytes, AreReadAsDockerWritesThem) {
  EXPECT_EQ(parse_bytes("0"), 0);
  EXPECT_EQ(parse_bytes("1048576"), 1048576);
  EXPECT_EQ(parse_bytes("64m"), 67108864);
  EXPECT_EQ(parse_bytes("64MB"), 67108864);
  EXPECT_EQ(parse_bytes("2GiB"), int64_t{2} << 30);
  EXPECT_EQ(parse_bytes("1k"), 1024);
  EXPECT_EQ(parse_bytes("-1"), -1);
  for (const char* bad : {"", "m", "-2", "1.5g", "1 m", "1mm", "9223372036854775808", "9999999p"})
    EXPECT_EQ(parse_bytes(bad), std::nullopt) << bad;
}

TEST(Duration, IsReadAsGoWritesIt) {
  EXPECT_EQ(parse_duration("5s"), 5000);
  EXPECT_EQ(parse_duration("500ms"), 500);
  EXPECT_EQ(parse_duration("1m30s"), 90000);
  EXPECT_EQ(parse_duration("1h"), 3600000);
  for (const char* bad : {"", "5", "s", "5x", "-5s", "5s5", "9223372036854775807h"})
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
}

class TempDir : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/holdfast-values-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    path_ = name;
  }
  void TearDown() override {
    auto parent = DirFd::open("/tmp");
    ASSERT_TRUE(parent);
    EXPECT_TRUE(parent->remove_tree(path_.substr(5)));
  }
  void make(const std::string& name, std::string_view text, mode_t mode) {
    const auto dir = DirFd::open(path_);
    ASSERT_TRUE(dir);
    ASSERT_TRUE(dir->create(name, text, 0600));
    ASSERT_EQ(chmod((path_ + "/" + name).c_str(), mode), 0);
  }

  std::string path_;
};

using SubCgroup = TempDir;

TEST_F(SubCgroup, LiesBelowTheContainersOwnOfEachController) {
  for (const char* each : {"/cpu", "/cpu/w", "/mem", "/mem/w"})
    ASSERT_EQ(mkdir((path_ + each).c_str(), 0755), 0);
  CgroupRecord record;
  record.directories = {{"cpu,cpuacct", path_ + "/cpu"}, {"memory", path_ + "/mem"}};

  const auto all = sub_cgroups(record, {"/w/"});
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->directories[0].directory, path_ + "/cpu/w");
  EXPECT_EQ(all->directories[1].directory, path_ + "/mem/w");

  const auto one = sub_cgroups(record, {"cpuacct:w"});
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->directories[0].directory, path_ + "/cpu/w");
  EXPECT_EQ(one->directories[1].directory, path_ + "/mem");

  EXPECT_EQ(sub_cgroups(record, {"/"})->directories[0].directory, path_ + "/cpu");
}

TEST_F(SubCgroup, CannotLeaveIt) {
  CgroupRecord record;
  record.directories = {{"cpu", path_}};
  EXPECT_FALSE(sub_cgroups(record, {".."}));
  EXPECT_FALSE(sub_cgroups(record, {"a/../.."}));
  EXPECT_FALSE(sub_cgroups(record, {"cpu:../x"}));
  EXPECT_FALSE(sub_cgroups(record, {"missing"}));
  EXPECT_FALSE(sub_cgroups(record, {"memory:/"}));
}

using PidFile = TempDir;

TEST_F(PidFile, AppearsWithTheBareNumber) {
  const std::string path = path_ + "/c.pid";
  ASSERT_TRUE(write_pid_file(path, 4711));
  EXPECT_EQ(*read_file(path), "4711");
  ASSERT_TRUE(write_pid_file(path, 12));
  EXPECT_EQ(*read_file(path), "12");
  EXPECT_EQ(DirFd::open(path_)->list()->size(), 1u);
  EXPECT_FALSE(write_pid_file(path_ + "/none/c.pid", 1));
}

TEST(StateDocument, HasRuncsForm) {
  ContainerState state;
  state.oci_version = "1.0.2";
  state.id = "c1";
  state.bundle = "/b";
  state.rootfs = "/b/rootfs";
  state.created = "2025-11-21T19:27:46Z";
  state.owner = "root";
  state.init.pid = 17;
  state.annotations = {{"a", "\"b\""}};
  EXPECT_EQ(state_document(state, Status::kRunning, StateForm::kList),
            R"({"ociVersion":"1.0.2","id":"c1","pid":17,"status":"running","bundle":"/b",)"
            R"("rootfs":"/b/rootfs","created":"2025-11-21T19:27:46Z",)"
            R"("annotations":{"a":"\"b\""},"owner":"root"})");
  const std::string stopped = state_document(state, Status::kStopped, StateForm::kState);
  EXPECT_NE(stopped.find("\"pid\": 0,"), std::string::npos);
  EXPECT_NE(stopped.find("\"owner\": \"\""), std::string::npos);
}

}  // namespace
}  // namespace holdfast
