#include "profiles/seccomp/engine_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>

#include <cerrno>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kFile[] = R"({
  "defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "ENOSYS", "comment": "as podman writes it",
  "archMap": [
    {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
    {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
  "syscalls": [
    {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}, "excludes": {}},
    {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errno": "EPERM",
     "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"name": "arch_prctl", "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64"]}},
    {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}}
  ]})";

oci::Strings names_of(const EngineProfile& profile) {
  oci::Strings all;
  for (const oci::SeccompRule& rule : profile.seccomp.syscalls)
    for (const std::string& name : rule.names) all.push_back(name);
  return all;
}

TEST(EngineProfile, KeepsTheRulesWhoseConditionsHoldAndTheirPlaces) {
  const auto plain = decode_engine_profile(kFile, {.architecture = AUDIT_ARCH_X86_64});
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_THAT(names_of(*plain), ElementsAre("read", "mount", "arch_prctl", "ptrace"));
  EXPECT_THAT(plain->places, ElementsAre(0u, 2u, 3u, 4u));
  EXPECT_EQ(plain->seccomp.syscalls[1].errno_ret, uint32_t{EPERM});
  EXPECT_EQ(plain->seccomp.default_errno_ret, uint32_t{ENOSYS});
  EXPECT_THAT(plain->seccomp.architectures, ElementsAre("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"));

  const auto admin = decode_engine_profile(
      kFile, {.architecture = AUDIT_ARCH_X86_64, .capabilities = uint64_t{1} << 21});
  ASSERT_TRUE(admin);
  EXPECT_THAT(admin->places, ElementsAre(0u, 1u, 3u, 4u));
}

TEST(EngineProfile, DependsOnTheArchitectureAndTheKernel) {
  const auto old_arm = decode_engine_profile(
      kFile, {.architecture = AUDIT_ARCH_AARCH64, .capabilities = 0, .kernel = {4, 7}});
  ASSERT_TRUE(old_arm);
  EXPECT_THAT(names_of(*old_arm), ElementsAre("read", "mount"));
  EXPECT_THAT(old_arm->seccomp.architectures, ElementsAre("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"));
  const auto arm = decode_engine_profile(
      kFile, {.architecture = AUDIT_ARCH_AARCH64, .capabilities = 0, .kernel = {4, 10}});
  EXPECT_THAT(names_of(*arm), ElementsAre("read", "mount", "ptrace"));
}

TEST(EngineProfile, ReadsTheSpecificationsFormToo) {
  const auto profile = decode_engine_profile(
      R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": []})",
      {});
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_THAT(profile->seccomp.architectures, ElementsAre("SCMP_ARCH_X86_64"));
  EXPECT_THAT(profile->places, IsEmpty());
}

TEST(EngineProfile, SaysWhereAFileIsWrong) {
  const auto message = [](const char* text) {
    const auto profile = decode_engine_profile(text, {.architecture = AUDIT_ARCH_X86_64});
    return profile ? std::string("read") : profile.error().message;
  };
  EXPECT_THAT(message(R"({"syscalls": []})"), HasSubstr("defaultAction: missing"));
  EXPECT_THAT(message(R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
                          "archMap": [{"architecture": "SCMP_ARCH_X86"}]})"),
              HasSubstr("archMap: stands beside architectures"));
  EXPECT_THAT(message(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                          {"name": "a", "names": ["b"], "action": "SCMP_ACT_ALLOW"}]})"),
              HasSubstr("syscalls[0].name: stands beside names"));
  EXPECT_THAT(message(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                          {"names": ["b"], "action": "SCMP_ACT_ERRNO", "errno": "ENOTHING"}]})"),
              HasSubstr("syscalls[0].errno: \"ENOTHING\""));
  EXPECT_THAT(message(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                          {"names": ["b"], "action": "SCMP_ACT_ALLOW",
                           "includes": {"minKernel": "four"}}]})"),
              HasSubstr("syscalls[0]: minKernel: \"four\""));
}

}  // namespace
}  // namespace holdfast
