#include "shim/ctl/engine_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::ctl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(EngineNames, TheStateRootTellsTheEngine) {
  EXPECT_EQ(engine_of_root("/run/docker/runtime-holdfast/moby"), "docker");
  EXPECT_EQ(engine_of_root("/run/user/1000/docker/runtime-runc/moby"), "docker");
  EXPECT_EQ(engine_of_root("/run/containerd/runc/k8s.io"), "containerd k8s.io");
  EXPECT_EQ(engine_of_root("/run/crio/runc"), "cri-o");
  EXPECT_EQ(engine_of_root("/run/holdfast"), "");
}

TEST(EngineNames, DockersDataDirectoryIsFoundByTheRootOfAContainer) {
  EXPECT_EQ(docker_data_root("/var/lib/docker/overlay2/12ab/merged"), "/var/lib/docker");
  EXPECT_EQ(docker_data_root("/srv/d/vfs/dir/12ab"), "/srv/d");
  EXPECT_EQ(docker_data_root("/overlay2/x"), "");
  EXPECT_EQ(docker_data_root("/somewhere/rootfs"), "");
}

TEST(EngineNames, ReadTheEnginesFiles) {
  EXPECT_EQ(docker_name(R"({"ID": "3f", "Name": "/web", "State": {"Pid": 1}})"), "web");
  EXPECT_EQ(docker_name("{}"), "");
  EXPECT_EQ(docker_name("nonsense"), "");
  constexpr char kStorage[] =
      R"([{"id": "3f", "names": ["web", "www"], "layer": "1"}, {"id": "4e"}])";
  EXPECT_THAT(storage_names(kStorage, "3f"), ElementsAre("web", "www"));
  EXPECT_THAT(storage_names(kStorage, "4e"), IsEmpty());
  EXPECT_THAT(storage_names("{}", "3f"), IsEmpty());
}

TEST(EngineNames, PodsAndContainersByTheirAnnotations) {
  ContainerState state;
  state.id = "3f";
  state.annotations = {{"io.kubernetes.cri.sandbox-namespace", "shop"},
                       {"io.kubernetes.cri.sandbox-name", "web-0"},
                       {"io.kubernetes.cri.container-name", "nginx"}};
  const EngineNames container = engine_names(state, "containerd k8s.io");
  EXPECT_EQ(container.engine, "containerd k8s.io");
  EXPECT_THAT(container.names, ElementsAre("web-0/nginx", "shop/web-0/nginx", "nginx"));
  state.annotations.erase("io.kubernetes.cri.container-name");
  EXPECT_THAT(engine_names(state, "").names, ElementsAre("web-0", "shop/web-0"));
  state.annotations = {{"io.container.manager", "cri-o"},
                       {"io.kubernetes.pod.name", "web-0"},
                       {"io.kubernetes.container.name", "nginx"}};
  EXPECT_EQ(engine_names(state, "").engine, "cri-o");
  EXPECT_THAT(engine_names(state, "").names, ElementsAre("web-0/nginx", "nginx"));
}

TEST(EngineNames, PodmanIsKnownByItsBundle) {
  ContainerState state;
  state.id = "3f";
  state.bundle = "/nowhere/storage/overlay-containers/3f/userdata";
  EXPECT_EQ(engine_names(state, "").engine, "podman");
  state.bundle = "/run/bundle";
  EXPECT_EQ(engine_names(state, "").engine, "");
}

}  // namespace
}  // namespace holdfast::ctl
