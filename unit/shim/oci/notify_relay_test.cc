#include "shim/oci/notify_relay.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Notify, ReadyIsALineOfItsOwn) {
  EXPECT_TRUE(says_ready("READY=1"));
  EXPECT_TRUE(says_ready("STATUS=up\nREADY=1\nMAINPID=1\n"));
  for (const auto* message : {"", "\n", "READY=0", "READY=", "READY=1 ", " READY=1", "READY=11",
                              "STATUS=READY=1", "ready=1", "STOPPING=1\nRELOADING=1"})
    EXPECT_FALSE(says_ready(message)) << message;
  EXPECT_FALSE(says_ready(std::string_view("READY=1\0", 8)));
}

TEST(Notify, OnlySocketsThatCanBeReachedAreTaken) {
  const auto wants = [](const char* value) {
    ::setenv("NOTIFY_SOCKET", value, 1);
    auto result = wants_notify();
    ::unsetenv("NOTIFY_SOCKET");
    return result;
  };
  EXPECT_FALSE(wants_notify().value());
  EXPECT_FALSE(wants("").value());
  EXPECT_TRUE(wants("/run/systemd/notify").value());
  EXPECT_TRUE(wants("@/org/example/notify").value());
  for (const auto* odd : {"notify", "vsock:2:1", "./notify"}) EXPECT_FALSE(wants(odd)) << odd;
  EXPECT_FALSE(wants(("/" + std::string(200, 'x')).c_str()));
}

TEST(Notify, TheDirectoryIsAbsolute) {
  EXPECT_EQ(notify_directory("/run/holdfast", "c1").value(), "/run/holdfast/c1/notify");
  EXPECT_TRUE(notify_directory("state", "c1").value().starts_with('/'));
}

}  // namespace
}  // namespace holdfast
