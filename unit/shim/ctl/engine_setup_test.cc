#include "shim/ctl/engine_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "shim/ctl/unified_diff.h"

namespace holdfast::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

// What an engine's file may hold before.
const std::map<std::string_view, std::vector<std::optional<std::string>>> kBefore{
    {"docker",
     {std::nullopt, "{}", "{}\n", "{\n  \"debug\": true\n}\n",
      "{\n\t\"runtimes\": {\n\t\t\"crun\": {\"path\": \"/c\"}\n\t},\n\t\"default-runtime\": "
      "\"crun\"\n}",
      "{\"runtimes\": {}}"}},
    {"containerd",
     {std::nullopt, "version = 2\n",
      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"p\"\n",
      "version = 2\n\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
      "  default_runtime_name = \"runc\" # the usual\n  snapshotter = \"native\"\n",
      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n[plugins.other]\n  x = 1\n",
      "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd]\n"
      "  default_runtime_name = 'runc'\n"}},
    {"docker-build", {std::nullopt}},
    {"podman", {std::nullopt}},
    {"crio", {std::nullopt}}};

// For every engine and both forms: adding twice is adding once, and taking out gives what was there.
TEST(EngineSetup, IsIdempotentAndReversible) {
  for (const EngineSetup& setup : engine_setups()) {
    for (const auto& before : kBefore.at(setup.name)) {
      for (const bool make_default : {false, true}) {
        SetupOptions options;
        options.make_default = make_default;
        const auto after = setup.add(before, options);
        ASSERT_TRUE(after) << setup.name << ": " << after.error().message;
        EXPECT_THAT(*after, HasSubstr("/usr/bin/holdfast"));
        const auto stripped = setup.strip(*after, before);
        ASSERT_TRUE(stripped) << stripped.error().message;
        const auto again = setup.add(*stripped, options);
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(*again, *after) << setup.name;
        if (before && before != "{}") {
          EXPECT_EQ(**stripped, *before) << setup.name;
        }
      }
    }
  }
}

TEST(EngineSetup, WithoutDefaultTheEnginesOwnStaysTheDefault) {
  for (const EngineSetup& setup : engine_setups()) {
    const auto plain = setup.add(std::nullopt, {});
    ASSERT_TRUE(plain);
    for (const char* word : {"default", "runtime = "}) EXPECT_THAT(*plain, Not(HasSubstr(word)));
    SetupOptions options;
    options.make_default = true;
    if (setup.name == "docker-build") continue;  // it is not about a default
    EXPECT_THAT(*setup.add(std::nullopt, options),
                testing::ContainsRegex("(default.runtime.*|runtime = )\"holdfast\""));
  }
}

TEST(EngineSetup, WhatOthersAddedSinceStaysWhenWeGo) {
  const EngineSetup& docker = *find_setup("docker");
  SetupOptions options;
  options.make_default = true;
  std::string text = *docker.add("{\n  \"default-runtime\": \"crun\"\n}\n", options);
  text.insert(2, "  \"debug\": true,\n");
  EXPECT_EQ(**docker.strip(text, "{\n  \"default-runtime\": \"crun\"\n}\n"),
            "{\n  \"debug\": true,\n  \"default-runtime\": \"crun\"\n}\n");

  const EngineSetup& containerd = *find_setup("containerd");
  const std::string before = "version = 2\n";
  EXPECT_EQ(**containerd.strip(*containerd.add(before, options) + "[debug]\n  level = \"info\"\n",
                               before),
            "version = 2\n[debug]\n  level = \"info\"\n");
}

TEST(EngineSetup, ContainerdsCgroupDriverIsThatOfItsRunc) {
  const std::string runc =
      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n"
      "  SystemdCgroup = true\n";
  const EngineSetup& setup = *find_setup("containerd");
  EXPECT_THAT(setup.add(runc, {})->substr(runc.size()), HasSubstr("SystemdCgroup = true"));
  EXPECT_THAT(*setup.add(std::nullopt, {}), HasSubstr("SystemdCgroup = false"));
  SetupOptions systemd;
  systemd.systemd_cgroup = true;
  EXPECT_THAT(*setup.add(std::nullopt, systemd), HasSubstr("SystemdCgroup = true"));
}

TEST(EngineSetup, RefusesWhatItWouldSpoilAndSaysWhere) {
  const auto message = [](const char* engine, const char* text) {
    const auto after = find_setup(engine)->add(text, {});
    return after ? "done: " + *after : after.error().message;
  };
  EXPECT_THAT(message("containerd", "root = \"/x\"\n"), HasSubstr("1:1: no \"version = 2\""));
  EXPECT_THAT(message("containerd", "\nversion = 9\n"), HasSubstr("2:1: version 9 is not known"));
  EXPECT_THAT(
      message(
          "containerd",
          "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.holdfast]\n"),
      HasSubstr("2:1: the runtime \"holdfast\" is configured here already"));
  EXPECT_THAT(message("containerd",
                      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n"
                      "containerd = { runtimes = {} }\n"),
              HasSubstr("3:1: an inline table"));
  EXPECT_THAT(message("containerd",
                      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
                      "runtimes.runc.runtime_type = \"x\"\n"),
              HasSubstr("3:1: a dotted key"));
  EXPECT_THAT(message("podman", "[engine]\n"), HasSubstr("it is there already"));
  EXPECT_THAT(message("docker", "{\"runtimes\": []}"), HasSubstr("1:14: runtimes"));
}

TEST(UnifiedDiff, ShowsChangesWithThreeLinesAround) {
  const std::string before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n",
                    after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
  EXPECT_EQ(unified_diff("/f", before, after),
            "--- /f\n+++ /f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  EXPECT_EQ(unified_diff("/f", before, before), "");
  EXPECT_EQ(unified_diff("/f", std::nullopt, "a\n"), "--- /dev/null\n+++ /f\n@@ -0,0 +1 @@\n+a\n");
  EXPECT_EQ(unified_diff("/f", "a", std::nullopt),
            "--- /f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n\\ No newline at end of file\n");
}

TEST(UnifiedDiff, SeparatesChangesThatLieApart) {
  std::string before, after;
  for (int i = 0; i < 30; ++i) {
    before += std::to_string(i) + "\n";
    after += (i == 3 || i == 25 ? "x" : std::to_string(i)) + std::string("\n");
  }
  const std::string diff = unified_diff("/f", before, after);
  EXPECT_THAT(diff, HasSubstr("@@ -1,7 +1,7 @@\n"));
  EXPECT_THAT(diff, HasSubstr("@@ -23,7 +23,7 @@\n"));
}

TEST(DockerBuild, QuotesTheRuntimeForSystemd) {
  const auto text = find_setup("docker-build")->add({}, {.runtime = "/opt/a b/100%/$x"});
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("Environment=\"DOCKER_BUILDKIT_RUNC_COMMAND=/opt/a b/100%%/$x\"\n"));
  EXPECT_THAT(*text, HasSubstr("ln -sf \"/opt/a b/100%%/$$x\" /run/holdfast-build/runc\n"));
}

}  // namespace
}  // namespace holdfast::ctl
