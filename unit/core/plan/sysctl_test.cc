#include "core/plan/sysctl.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr OwnNamespaces kAll{.ipc = true, .net = true, .uts = true};

bool allowed(std::string_view name, const OwnNamespaces& own) {
  return validate_sysctl(name, own).has_value();
}

TEST(SysctlPath, TheFirstSeparatorDecides) {
  EXPECT_EQ(*sysctl_path("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
  EXPECT_EQ(*sysctl_path("net/ipv4/conf/eth0.100/mtu"), "net/ipv4/conf/eth0.100/mtu");
  EXPECT_EQ(*sysctl_path("net.ipv4.conf.eth0/100.mtu"), "net/ipv4/conf/eth0.100/mtu");
}

TEST(SysctlPath, NeverLeavesItsDirectory) {
  for (const char* name :
       {"", "kernel", ".", "..", "net/../kernel/core_pattern", "net//ipv4", "/net/ipv4",
        "net/ipv4/", "net.ipv4.", "net/./ipv4", ".net.ipv4", "net.//.kernel", "net/ipv4/.."})
    EXPECT_FALSE(sysctl_path(name)) << name;
  EXPECT_FALSE(sysctl_path(std::string_view("net.ipv4\0x", 10)));
}

TEST(ValidateSysctl, NeedsTheNamespaceThatTheParameterBelongsTo) {
  EXPECT_TRUE(allowed("kernel.shmmax", {.ipc = true}));
  EXPECT_TRUE(allowed("kernel/sem", {.ipc = true}));
  EXPECT_TRUE(allowed("fs.mqueue.msg_max", {.ipc = true}));
  EXPECT_TRUE(allowed("net.core.somaxconn", {.net = true}));
  EXPECT_TRUE(allowed("kernel.domainname", {.uts = true}));
  EXPECT_FALSE(allowed("kernel.shmmax", {.net = true, .uts = true}));
  EXPECT_FALSE(allowed("fs.mqueue.msg_max", {.net = true, .uts = true}));
  EXPECT_FALSE(allowed("net.core.somaxconn", {.ipc = true, .uts = true}));
  EXPECT_FALSE(allowed("kernel.domainname", {.ipc = true, .net = true}));
}

TEST(ValidateSysctl, RefusesWhatWouldChangeTheHost) {
  for (const char* name :
       {"kernel.core_pattern", "kernel.shmmax2", "kernel.sem.x", "fs.mqueue", "fs.mqueuex.msg_max",
        "netx.core.somaxconn", "vm.swappiness", "kernel.hostname", "user.max_user_namespaces",
        "fs.file-max", "kernel.shm/../core_pattern", "debug.exception-trace"})
    EXPECT_FALSE(allowed(name, kAll)) << name;
}

TEST(ValidateSysctl, NamesTheParameterAndTheNamespace) {
  EXPECT_EQ(validate_sysctl("net.core.somaxconn", {}).error().message,
            "sysctl net.core.somaxconn is not allowed in the host's network namespace");
  EXPECT_EQ(validate_sysctl("vm.swappiness", kAll).error().message,
            "sysctl vm.swappiness is not in a separate kernel namespace");
}

}  // namespace
}  // namespace holdfast
