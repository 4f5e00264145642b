#include "core/oci/spec.h"

#include <gtest/gtest.h>

namespace holdfast::oci {
namespace {

constexpr std::string_view kMinimal =
    R"({"ociVersion":"1.0.2","process":{"args":["sh"],"cwd":"/"},"root":{"path":"rootfs"}})";

TEST(Spec, MinimalDocumentDecodes) {
  const auto spec = decode_spec(kMinimal);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->process->args, Strings{"sh"});
  EXPECT_EQ(spec->process->user.uid, 0u);
  EXPECT_EQ(spec->root.path, "rootfs");
}

TEST(Spec, RlimInfinityIsAnUnsigned64BitNumber) {
  const auto process = decode_process(
      R"({"args":["a"],"cwd":"/","rlimits":[{"type":"RLIMIT_NOFILE","hard":18446744073709551615,"soft":1}]})");
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_EQ(process->rlimits[0].hard, UINT64_MAX);
}

TEST(Spec, NullObjectsAreAbsent) {
  const auto spec = decode_spec(
      R"({"ociVersion":"1.2.0","process":{"args":["sh"],"cwd":"/","capabilities":null,"rlimits":null},)"
      R"("root":{"path":"r"},"hooks":null,"mounts":null,"linux":{"resources":null,"seccomp":null}})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_FALSE(spec->process->capabilities);
  EXPECT_FALSE(spec->linux_.resources);
}

TEST(Spec, RelativeMountDestinationIsMeantFromTheRoot) {
  const auto spec = decode_spec(
      R"({"ociVersion":"1.0.0","root":{"path":"r"},"mounts":[{"destination":"proc","type":"proc"}]})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->mounts[0].destination, "/proc");
}

// Quadratic work on 200000 entries would take minutes.
TEST(Spec, LongListsAreCheckedInLinearTime) {
  std::string limits, namespaces;
  for (int i = 0; i < 100000; ++i) {
    limits += R"({"type":"RLIMIT_AS","hard":1,"soft":1},)";
    namespaces += R"({"type":"pid"},)";
  }
  limits.pop_back();
  namespaces.pop_back();
  const auto spec =
      decode_spec(R"({"ociVersion":"1.0.0","root":{"path":"r"},"process":{"args":["a"],)"
                  R"("cwd":"/","rlimits":[)" +
                  limits + R"(]},"linux":{"namespaces":[)" + namespaces + "]}}");
  ASSERT_FALSE(spec);
  EXPECT_TRUE(spec.error().message.starts_with("process.rlimits[1]: listed twice; "))
      << spec.error().message;
}

TEST(Spec, NamespaceNames) {
  EXPECT_EQ(spec_name(NamespaceType::kNetwork), "network");
  EXPECT_EQ(proc_name(NamespaceType::kNetwork), "net");
  EXPECT_EQ(proc_name(NamespaceType::kMount), "mnt");
  EXPECT_EQ(proc_name(NamespaceType::kUser), "user");
  EXPECT_EQ(clone_flag(NamespaceType::kTime), 0x80u);
}

TEST(Spec, StateRoundTrips) {
  const State state{"1.3.0", "c1", "running", 7, "/b", {{"k", "v"}}};
  const std::string text = encode_state(state);
  EXPECT_EQ(text, R"({"ociVersion":"1.3.0","id":"c1","status":"running","pid":7,"bundle":"/b",)"
                  R"("annotations":{"k":"v"}})");
  const auto back = decode_state(text);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode_state(*back), text);
}

}  // namespace
}  // namespace holdfast::oci
