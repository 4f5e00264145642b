#include "profiles/policy/policy.h"

#include <gtest/gtest.h>

#include "profiles/policy/mount_rules.h"
#include "profiles/policy/rules.h"

namespace holdfast {
namespace {

std::string failure(std::string_view text) {
  auto policy = decode_policy(text, "policy.json");
  EXPECT_FALSE(policy) << text;
  return policy ? std::string() : policy.error().message;
}

TEST(Policy, NothingGivenIsBaselineEnforced) {
  auto policy = decode_policy("{}", "policy.json");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->profile.name, "baseline");
  EXPECT_EQ(policy->mode, Mode::kEnforce);
  EXPECT_EQ(policy->source, "policy.json");
}

TEST(Policy, ReadsEveryFieldAndComments) {
  auto policy = decode_policy(R"({ // the node's
    "profile": "restricted", "mode": "warn", "deny": ["privileged", "rootUser"],
    "exceptions": [{"name": "capabilities:SYS_ADMIN", "reason": "TICKET-12"},
                   {"name": "mounts:/var/run/docker.sock", "reason": "builder"}] })",
                              "p");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->profile.name, "restricted");
  EXPECT_EQ(policy->mode, Mode::kWarn);
  EXPECT_EQ(policy->profile.root_user, Access::kDeny);
  ASSERT_EQ(policy->grants.size(), 2u);
  EXPECT_EQ(policy->grants[1].reason, "builder");
}

TEST(Policy, EveryMistakeIsToldAtOnce) {
  const std::string text = failure(R"({"profil": "baseline", "mode": "loose", "deny": ["mount"],
      "exceptions": [{"name": "ioUring"}, {"name": "capabilities:SYS_MAGIC", "reason": "x"},
                     {"name": "privileged", "reason": "  "}]})");
  for (const char* part : {"profil", "mode", "deny[0]", "exceptions[0].reason",
                           "exceptions[1].name", "exceptions[2].reason"})
    EXPECT_NE(text.find(part), text.npos) << part << " in " << text;
}

TEST(Policy, WhatIsNoPolicyIsRefused) {
  for (
      const char* text :
      {"", "[]", "null", "{\"exceptions\": {}}", "{\"mode\": 1}",
       R"({"mode": "warn", "mode": "off"})",
       R"({"exceptions": [{"name": "mounts", "reason": "x"}]})",
       R"({"exceptions": [{"name": "capabilities:CAP_KILL", "reason": "x"}]})",
       R"({"exceptions": [{"name": "ioUring", "reason": "x"}, {"name": "ioUring", "reason": "y"}]})",
       R"({"deny": ["privileged"], "exceptions": [{"name": "privileged", "reason": "x"}]})"})
    failure(text);
}

TEST(Rules, HaveIdsOfTheirOwn) {
  for (size_t i = 0; i < all_rules().size(); ++i)
    for (size_t j = 0; j < i; ++j) EXPECT_NE(all_rules()[i].id, all_rules()[j].id);
  EXPECT_EQ(rule_of(RuleId::kCapabilities).id, "HF-C003");
  EXPECT_EQ(rule_of(RuleId::kEngineMounts).id, "HF-C021");
}

TEST(MountRules, EnginesSocketsAndStateAndWhatLiesAboveThem) {
  for (const char* path :
       {"/", "/var", "/var/lib", "/run", "/var/run", "/var/run/docker.sock", "/run/docker.sock",
        "/run/containerd/containerd.sock", "/var/lib/docker", "/var/lib/docker/volumes",
        "/var/lib/docker/containers/3f", "/var/lib/kubelet", "/var/lib/kubelet/pki/k.pem",
        "/run/user/1000/podman/podman.sock", "/run/user/1000", "/etc", "/run/holdfast",
        "/etc/holdfast/policy.json"})
    EXPECT_EQ(classify_source(path), SourceKind::kEngine) << path;
}

TEST(MountRules, WhatEnginesMakeForAContainer) {
  for (const char* path :
       {"/var/lib/docker/containers/3f/hosts", "/var/lib/docker/containers/3f/mounts/shm",
        "/var/lib/docker/volumes/data/_data", "/var/lib/docker/volumes/data/_data/sub",
        "/var/lib/docker/100000.100000/volumes/data/_data",
        "/run/containerd/io.containerd.grpc.v1.cri/sandboxes/9a/shm",
        "/var/lib/kubelet/pods/7c/volumes/kubernetes.io~secret/t",
        "/var/lib/kubelet/pods/7c/etc-hosts",
        "/run/containers/storage/overlay-containers/5d/userdata/resolv.conf",
        "/var/run/containers/storage/overlay-containers/5d/userdata/hosts"})
    EXPECT_EQ(classify_source(path), SourceKind::kContainerFile) << path;
}

TEST(MountRules, TheHostsSystemAndOrdinaryPlaces) {
  for (const char* path : {"/usr", "/usr/bin", "/boot", "/proc", "/sys/kernel", "/dev",
                           "/root/.ssh", "/etc/shadow", "/run/user/1000/wayland-0", "/var/log"})
    EXPECT_EQ(classify_source(path), SourceKind::kSystem) << path;
  for (const char* path : {"/home/u/src", "/srv", "/data", "/tmp/x", "/etc/localtime", "/dev/null",
                           "/var/lib/dockerish", "/runner", "/usrlocal"})
    EXPECT_EQ(classify_source(path), SourceKind::kOrdinary) << path;
  EXPECT_EQ(classify_source("/var/lib/docker/overlay2/3f/diff"), SourceKind::kLayer);
}

}  // namespace
}  // namespace holdfast
