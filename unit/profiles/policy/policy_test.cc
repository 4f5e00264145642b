#include "profiles/policy/policy_set.h"

#include <gtest/gtest.h>

#include "profiles/policy/mount_rules.h"
#include "profiles/policy/rules.h"

namespace holdfast {
namespace {

constexpr Date kToday{2026, 11, 21};

Result<PolicySet> compiled(std::string_view policy, std::vector<PolicyText> profiles = {}) {
  return compile_policy({{"/p/10-node.json", std::string(policy)}}, profiles);
}

PolicySet set_of(std::string_view policy, std::vector<PolicyText> profiles = {}) {
  auto set = compiled(policy, std::move(profiles));
  EXPECT_TRUE(set) << set.error().message;
  return set ? std::move(*set) : PolicySet{};
}

std::string failure(std::string_view policy, std::vector<PolicyText> profiles = {}) {
  auto set = compiled(policy, std::move(profiles));
  EXPECT_FALSE(set) << policy;
  return set ? std::string() : set.error().message;
}

// A policy with these members.
std::string policy(std::string_view members) {
  return fmt::format(R"({{"apiVersion": "holdfast/v1"{}{}}})", members.empty() ? "" : ", ",
                     members);
}

Policy chosen(const PolicySet& set, const ContainerIdentity& identity = {},
              const oci::StringMap& annotations = {}, Date today = kToday) {
  return choose(set, {identity, annotations, today});
}

ContainerIdentity pod(std::string name_space, std::string image = "") {
  ContainerIdentity identity;
  identity.engine = "kubernetes";
  identity.pod_namespace = std::move(name_space);
  identity.image = std::move(image);
  return identity;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

TEST(PolicySet, WithoutFilesItIsBaselineEnforced) {
  const Policy policy = chosen(PolicySet{});
  EXPECT_EQ(policy.profile.name, "baseline");
  EXPECT_EQ(policy.mode, Mode::kEnforce);
  EXPECT_EQ(policy.source, "built in");
}

TEST(PolicySet, ReadsEveryFieldAndComments) {
  const PolicySet set = set_of(R"({ // the node's
    "apiVersion": "holdfast/v1",
    "default": { "profile": "restricted", "mode": "warn", "deny": ["privileged", "rootUser"] },
    "exceptions": [ { "name": "ci", "match": {}, "reason": "TICKET-12", "expires": "2027-06-30",
                      "allow": ["capabilities:SYS_ADMIN", "mounts:/var/run/docker.sock"] } ] })");
  const Policy policy = chosen(set);
  EXPECT_EQ(policy.profile.name, "restricted");
  EXPECT_EQ(policy.profile.root_user, Access::kDeny);
  EXPECT_EQ(policy.mode, Mode::kWarn);
  EXPECT_EQ(policy.source, "/p/10-node.json:3");
  ASSERT_EQ(policy.grants.size(), 2u);
  EXPECT_EQ(policy.grants[1].exception, "ci");
  EXPECT_EQ(policy.grants[1].reason, "TICKET-12");
}

TEST(PolicySet, TheFirstRuleThatMatchesDecidesAndTheDefaultFillsItsGaps) {
  const PolicySet set = set_of(policy(R"("default": {"profile": "restricted", "mode": "enforce"},
    "rules": [ {"match": {"engine": "kubernetes", "namespace": "kube-*"}, "mode": "warn"},
               {"match": {"image": "registry.example/payments/*"}, "profile": "observe"},
               {"match": {"namespace": "kube-system"}, "mode": "off"} ])"));
  EXPECT_EQ(chosen(set, pod("kube-system")).mode, Mode::kWarn);
  EXPECT_EQ(chosen(set, pod("kube-system")).profile.name, "restricted");
  EXPECT_EQ(chosen(set, pod("shop", "registry.example/payments/a/b:1")).profile.name, "observe");
  EXPECT_EQ(chosen(set, pod("shop", "registry.example/pay")).profile.name, "restricted");
}

TEST(PolicySet, AFactThatOthersMayHaveWrittenOnlyTightens) {
  const PolicySet set = set_of(policy(R"("rules": [
    {"match": {"namespace": "a"}, "profile": "observe", "mode": "off"},
    {"match": {"namespace": "b"}, "profile": "restricted"} ],
    "exceptions": [{"name": "x", "match": {"namespace": "a"}, "allow": ["privileged"], "reason": "r"}])"));
  ContainerIdentity doubtful = pod("a");
  EXPECT_EQ(chosen(set, doubtful).mode, Mode::kOff);
  EXPECT_EQ(chosen(set, doubtful).grants.size(), 1u);
  doubtful.doubtful = {"namespace"};
  Policy policy = chosen(set, doubtful);
  EXPECT_EQ(policy.mode, Mode::kEnforce);
  EXPECT_EQ(policy.profile.name, "baseline");
  EXPECT_TRUE(policy.grants.empty());
  EXPECT_EQ(policy.notes.size(), 2u);
  doubtful.pod_namespace = "b";
  EXPECT_EQ(chosen(set, doubtful).profile.name, "restricted");
}

TEST(PolicySet, AnnotationsLoosenOnlyWhereThePolicyNamesThem) {
  const std::string members = R"("exceptions": [{"name": "x", "match": {"annotations":
    {"example.com/tier": "gold*"}}, "allow": ["ioUring"], "reason": "r"}])";
  const oci::StringMap annotations{{"example.com/tier", "golden"}};
  EXPECT_TRUE(chosen(set_of(policy(members)), {}, annotations).grants.empty());
  const PolicySet trusting =
      set_of(policy(members + R"(, "trustedAnnotations": ["example.com/tier"])"));
  EXPECT_EQ(chosen(trusting, {}, annotations).grants.size(), 1u);
  EXPECT_TRUE(chosen(trusting, {}, {{"example.com/tier", "silver"}}).grants.empty());
  EXPECT_TRUE(
      contains(failure(policy(R"("trustedAnnotations": ["io.kubernetes.cri-o.Namespace"])")),
               "engine's own"));
}

TEST(PolicySet, AnExceptionEndsAfterItsLastDayAndIsTold) {
  const PolicySet set = set_of(policy(R"("exceptions": [{"name": "x", "match": {}, "allow":
    ["ioUring"], "reason": "r", "expires": "2026-11-21"}])"));
  EXPECT_EQ(chosen(set, {}, {}, {2026, 11, 21}).grants.size(), 1u);
  const Policy after = chosen(set, {}, {}, {2026, 11, 22});
  EXPECT_TRUE(after.grants.empty());
  ASSERT_EQ(after.notes.size(), 1u);
  EXPECT_TRUE(contains(after.notes[0].why, "expired on 2026-11-21"));
}

TEST(PolicySet, EveryMistakeIsToldAtOnceWithItsPlace) {
  const std::string text = failure(R"({"apiVersion": "holdfast/v2",
  "default": {"profil": "baseline", "mode": "loose", "deny": ["mount"]},
  "rules": [{"match": {"engine": "runc", "user": "root"}}, {"profile": "lax"}],
  "exceptions": [{"name": "x", "match": {}, "allow": ["ioUring"]},
                 {"name": "x", "match": {}, "allow": ["capabilities:SYS_MAGIC"], "reason": " "},
                 {"name": "y", "match": {}, "allow": ["execTerminal"], "reason": "r",
                  "expires": "2026-02-30"}]})");
  for (const char* part :
       {"/p/10-node.json:1:2: apiVersion: unknown version",
        "/p/10-node.json:2:15: default.profil: unk",
        "/p/10-node.json:2:37: default.mode: unknown value \"loose\"", "default.deny[0]",
        "rules[0].match.engine", "rules[0].match.user", "rules[1].match: missing",
        "rules[1].profile: no profile is called \"lax\"",
        "/p/10-node.json:4:18: exceptions[0].reason", "exceptions[1].allow[0]",
        "exceptions[1].reason: empty", "exceptions[1].name: \"x\" stands in",
        "exceptions[2].expires"})
    EXPECT_TRUE(contains(text, part)) << part << " in " << text;
  EXPECT_FALSE(contains(text, "\n"));
}

TEST(PolicySet, WhatIsNoPolicyIsRefused) {
  for (const std::string& text :
       {std::string(""), std::string("[]"), std::string("null"), std::string("{}"),
        policy(R"("default": null)"), policy(R"("exceptions": {})"),
        policy(R"("default": {"mode": 1})"), policy(R"("default": {"mode": "off", "mode": "off"})"),
        policy(R"("exceptions": [{"name": "x", "match": {}, "allow": ["mounts"], "reason": "r"}])"),
        policy(R"("exceptions": [{"name": "x", "match": {}, "allow": [], "reason": "r"}])"),
        policy(R"("exceptions": [{"name": "x", "allow": ["ioUring"], "reason": "r"}])"),
        policy(
            R"("exceptions": [{"name": "x", "match": {}, "allow": ["execRoot"], "reason": "r"}])"),
        policy(R"("rules": [{"match": {}}])"), policy("").substr(0, 20)}) {
    const std::string why = failure(text);
    EXPECT_TRUE(why.starts_with("/p/10-node.json:")) << why;
  }
}

TEST(PolicySet, TwoDefaultsAreOneTooMany) {
  const std::string one = policy(R"("default": {"mode": "warn"})");
  const auto set = compile_policy({{"/p/1.json", one}, {"/p/2.json", one}}, {});
  ASSERT_FALSE(set);
  EXPECT_TRUE(
      contains(set.error().message, "/p/2.json:1:31: default: stands in /p/1.json:1 already"))
      << set.error().message;
}

PolicyText profile(std::string_view name, std::string_view members) {
  return {fmt::format("/p/profiles/{}.json", name),
          fmt::format("{{\"name\": \"{}\",\n{}}}", name, members)};
}

TEST(ProfileFiles, NarrowWhatTheyExtendInAnyOrder) {
  const PolicySet set =
      set_of(policy(R"("default": {"profile": "a"})"),
             {profile("a", R"("extends": "b", "capabilities": {"allow": ["CHOWN"]})"),
              profile("b", R"("extends": "baseline", "capabilities": {"allow": ["CHOWN", "KILL"]},
                              "limits": {"pids": {"max": "1k"}}, "sysctl": ["net.*"])")});
  const Profile& a = chosen(set).profile;
  EXPECT_EQ(a.capabilities.allow.bits, 1u);
  EXPECT_EQ(a.limits.pids.max->value, 1000);
  // The default follows a max below it.
  EXPECT_EQ(a.limits.pids.fallback->value, 1000);
  EXPECT_EQ(a.extends, "b");
  EXPECT_EQ(a.masked_paths, shipped_profile("baseline")->masked_paths);
}

TEST(ProfileFiles, ThatLoosenAreRefusedWithFieldAndBothValues) {
  const std::string text =
      failure(policy(""), {profile("web", R"("extends": "restricted", "privileged": "warn",
  "capabilities": { "allow": ["NET_BIND_SERVICE", "NET_RAW"] },
  "sysctl": ["net.*"], "seccomp": {"remove": []}, "limits": {"pids": {"max": 8000000}})")});
  for (const char* part :
       {"/p/profiles/web.json:2:26: privileged: loosens restricted: \"warn\" where it has \"deny\"",
        "/p/profiles/web.json:3:21: capabilities.allow: loosens restricted: "
        "[\"NET_BIND_SERVICE\",\"NET_RAW\"] where it has [\"NET_BIND_SERVICE\"]",
        "sysctl: loosens", "seccomp.remove: loosens", "limits.pids.max: loosens"})
    EXPECT_TRUE(contains(text, part)) << part << " in " << text;
}

TEST(ProfileFiles, ThatGoInCirclesOrNowhereAreRefused) {
  const std::string circle =
      failure(policy(""), {profile("a", R"("extends": "b")"), profile("b", R"("extends": "a")")});
  EXPECT_TRUE(contains(circle, "again: break the circle")) << circle;
  EXPECT_TRUE(contains(failure(policy(""), {profile("a", R"("extends": "a")")}), "circle"));
  EXPECT_TRUE(contains(failure(policy(""), {profile("a", R"("extends": "lax")")}),
                       "no profile is called \"lax\"; there are restricted, baseline, observe, a"));
  EXPECT_TRUE(
      contains(failure(policy(""), {profile("a", R"("mdwe": "auto")")}), "extends: missing"));
  EXPECT_TRUE(contains(failure(policy(""), {profile("baseline", R"("extends": "observe")")}),
                       "comes with holdfast"));
  EXPECT_TRUE(contains(
      failure(policy(""), {{"/p/profiles/x.json", R"({"name": "y", "extends": "baseline"})"}}),
      "the file is called x.json"));
}

TEST(ProfileFiles, HaveTheirValuesChecked) {
  const std::string text = failure(policy(""), {profile("a", R"("extends": "baseline",
    "capabilities": {"allow": ["SYS_MAGIC"]}, "seccomp": {"remove": ["@nonsense", "mount"]},
    "limits": {"memory": {"max": "12Q"}, "cpu": {"max": "0.5"}}, "rlimits": {"NOFILE": {"max": 1}},
    "sysctl": ["net.*.x"], "landlock": {"writable": ["tmp"], "bindTcp": [70000]},
    "hooks": {"allow": [{"path": "x", "sha256": "12"}]}, "userNamespace": "yes", "more": 1)")});
  for (const char* part :
       {"capabilities.allow[0]: unknown value \"SYS_MAGIC\"", "seccomp.remove[0]: no system call",
        "limits.memory.max: expected an amount", "rlimits: no limit", "sysctl[0]",
        "landlock.writable[0]", "landlock.bindTcp[0]", "hooks.allow[0].path",
        "hooks.allow[0].sha256", "userNamespace: unknown value", "more: unknown field"})
    EXPECT_TRUE(contains(text, part)) << part << " in " << text;
  EXPECT_FALSE(contains(text, "seccomp.remove[1]"));
  EXPECT_FALSE(contains(text, "limits.cpu"));
}

TEST(TightenPolicy, NeverLoosens) {
  Policy node;
  node.mode = Mode::kWarn;
  node.grants = {{"privileged", "ci", "builders"}, {"ioUring", "db", "databases"}};
  Policy user;
  user.profile = *shipped_profile("restricted");
  user.mode = Mode::kEnforce;
  user.grants = {{"ioUring", "me", "mine"}, {"hostNamespaces", "me", "mine"}};
  const Policy both = tighten(node, user);
  EXPECT_EQ(both.profile.name, "restricted");
  EXPECT_EQ(both.mode, Mode::kEnforce);
  ASSERT_EQ(both.grants.size(), 1u);
  EXPECT_EQ(both.grants[0].what, "ioUring");
  EXPECT_EQ(both.grants[0].reason, "databases");
  user = {};
  user.mode = Mode::kOff;
  node = {};
  node.profile = *shipped_profile("restricted");
  EXPECT_EQ(tighten(node, user).mode, Mode::kEnforce);
  EXPECT_EQ(tighten(node, user).profile.name, "restricted");
}

TEST(Glob, StarsStandForAnyText) {
  EXPECT_TRUE(glob_matches("a*c", "abbbc") && glob_matches("*", "") && glob_matches("*b*", "abc"));
  EXPECT_FALSE(glob_matches("a*c", "abbbd") || glob_matches("", "a") || glob_matches("a", "ab"));
  EXPECT_FALSE(glob_matches("*a*a*a*a*a*b", std::string(5000, 'a')));
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
