#include "shim/ctl/kernel_log.h"

#include <gtest/gtest.h>

namespace holdfast::ctl {
namespace {

constexpr char kRingRecord[] =
    "5,812,2085849718,-;audit: type=1326 audit(1795290120.109:2): auid=4294967295 uid=33 gid=33 "
    "ses=4294967295 pid=2985 comm=\"nginx\" exe=\"/usr/sbin/nginx\" sig=31 arch=c000003e "
    "syscall=165 "
    "compat=0 ip=0x7fa820693829 code=0x80000000\n";

TEST(KernelLog, ReadsARecordOfTheRingBuffer) {
  const auto denial = parse_denial(kRingRecord);
  ASSERT_TRUE(denial);
  EXPECT_DOUBLE_EQ(denial->time, 1795290120.109);
  EXPECT_EQ(denial->pid, 2985);
  EXPECT_EQ(denial->uid, 33u);
  EXPECT_EQ(denial->comm, "nginx");
  EXPECT_EQ(denial->exe, "/usr/sbin/nginx");
  EXPECT_EQ(denial->arch, 0xc000003eu);
  EXPECT_EQ(denial->syscall, 165);
  EXPECT_EQ(denial->code, 0x80000000u);
}

TEST(KernelLog, ReadsARecordOfAuditd) {
  const auto denial = parse_denial(
      "type=SECCOMP msg=audit(1795290120.109:412): auid=1000 uid=1000 gid=1000 ses=3 pid=77 "
      "comm=\"a\" exe=\"/a\" sig=0 arch=40000003 syscall=21 compat=1 ip=0xf7 code=0x50000");
  ASSERT_TRUE(denial);
  EXPECT_EQ(denial->arch, 0x40000003u);
  EXPECT_EQ(denial->code, 0x50000u);
}

TEST(KernelLog, DecodesNamesThatTheKernelWroteInHexadecimal) {
  std::string line = kRingRecord;
  line.replace(line.find("\"nginx\""), 7, "612062");
  const auto denial = parse_denial(line);
  ASSERT_TRUE(denial);
  EXPECT_EQ(denial->comm, "a b");
}

TEST(KernelLog, IgnoresOtherRecordsAndBrokenOnes) {
  EXPECT_FALSE(parse_denial("6,1,2,-;usb 1-1: new device"));
  EXPECT_FALSE(parse_denial("audit: type=1400 audit(1.000:1): apparmor=\"DENIED\" pid=1"));
  EXPECT_FALSE(parse_denial(""));
  const std::string whole = kRingRecord;
  for (const char* field : {" pid=2985", " arch=c000003e", " syscall=165", " code=0x80000000"}) {
    std::string line = whole;
    line.erase(line.find(field), std::string(field).size());
    EXPECT_FALSE(parse_denial(line)) << "without" << field;
  }
}

}  // namespace
}  // namespace holdfast::ctl
