#include "profiles/policy/identity.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::string_view kK8s = "/run/containerd/runc/k8s.io";

oci::Spec cri() {
  oci::Spec spec;
  spec.annotations = {{"io.kubernetes.cri.container-type", "container"},
                      {"io.kubernetes.cri.sandbox-namespace", "kube-system"},
                      {"io.kubernetes.cri.sandbox-name", "cilium-x7"},
                      {"io.kubernetes.cri.container-name", "cilium-agent"},
                      {"io.kubernetes.cri.image-name", "quay.io/cilium/cilium:v1@sha256:12"}};
  return spec;
}

oci::Spec crio(std::string type) {
  oci::Spec spec;
  spec.annotations = {{"io.kubernetes.cri-o.ContainerType", std::move(type)},
                      {"io.kubernetes.cri-o.Namespace", "shop"},
                      {"io.kubernetes.cri-o.KubeName", "web-1"},
                      {"io.kubernetes.cri-o.Name", "k8s_web_web-1_shop_9a_0"},
                      {"io.kubernetes.cri-o.ImageName", "r.example/web:1"},
                      {"io.kubernetes.cri-o.RuntimeHandler", "holdfast"}};
  return spec;
}

bool doubts(const ContainerIdentity& identity, std::string_view fact) {
  return std::find(identity.doubtful.begin(), identity.doubtful.end(), fact) !=
         identity.doubtful.end();
}

TEST(ContainerIdentity, OfContainerdsCriIsWhatItsPluginWrote) {
  const ContainerIdentity id = identify_container(cri(), {.root = kK8s});
  EXPECT_EQ(id.engine, "kubernetes");
  EXPECT_EQ(id.pod_namespace, "kube-system");
  EXPECT_EQ(id.pod, "cilium-x7");
  EXPECT_EQ(id.container, "cilium-agent");
  EXPECT_EQ(id.image, "quay.io/cilium/cilium:v1");
  EXPECT_EQ(id.image_digest, "sha256:12");
  EXPECT_TRUE(id.doubtful.empty());
}

TEST(ContainerIdentity, TheSameAnnotationsOfADockerOrContainerdUserSayNothing) {
  for (const char* root :
       {"/run/docker/runtime-holdfast/moby", "/run/containerd/runc/default", "/run/holdfast"}) {
    const ContainerIdentity id = identify_container(cri(), {.root = root});
    EXPECT_NE(id.engine, "kubernetes") << root;
    EXPECT_EQ(id.pod_namespace, "") << root;
    EXPECT_EQ(id.image, "") << root;
  }
  const ContainerIdentity docker =
      identify_container(cri(), {.root = "/run/docker/runtime-hard/moby/"});
  EXPECT_EQ(docker.engine, "docker");
  EXPECT_EQ(docker.handler, "hard");
}

TEST(ContainerIdentity, InASandboxOfCriOEverythingIsDoubtful) {
  const ContainerIdentity id = identify_container(crio("sandbox"), {.root = "/run/runc"});
  EXPECT_EQ(id.pod_namespace, "shop");
  for (const char* fact : {"engine", "namespace", "pod", "container", "image", "handler"})
    EXPECT_TRUE(doubts(id, fact)) << fact;
}

TEST(ContainerIdentity, ASandboxOfCriOThatCallsItselfAContainerIsNotBelieved) {
  EXPECT_TRUE(doubts(identify_container(crio("container"), {.root = "/run/runc"}), "namespace"));
  oci::Spec spec = crio("container");
  spec.mounts.push_back({"/etc/hosts", "bind", "/var/lib/kubelet/pods/../../x", {}, {}, {}});
  EXPECT_TRUE(doubts(identify_container(spec, {.root = "/run/runc"}), "namespace"));
}

TEST(ContainerIdentity, AContainerOfCriOThatTheKubeletMadeIsBelieved) {
  oci::Spec spec = crio("container");
  spec.mounts.push_back({"/etc/hosts", "bind", "/var/lib/kubelet/pods/9a/etc-hosts", {}, {}, {}});
  const ContainerIdentity id = identify_container(spec, {.root = "/run/runc"});
  EXPECT_TRUE(id.doubtful.empty());
  EXPECT_EQ(id.container, "web");
  EXPECT_EQ(id.pod, "web-1");
  EXPECT_EQ(id.handler, "holdfast");
}

TEST(ContainerIdentity, OfACallerWithoutRootsPowerIsDoubtful) {
  const ContainerIdentity id =
      identify_container(cri(), {.root = kK8s, .user = 1000, .trusted = false});
  EXPECT_EQ(id.user, 1000u);
  EXPECT_TRUE(doubts(id, "namespace") && doubts(id, "engine"));
}

TEST(ContainerIdentity, PodmanSaysItIsPodman) {
  oci::Spec spec;
  spec.annotations = {{"io.container.manager", "libpod"}};
  EXPECT_EQ(identify_container(spec, {.root = "/run/holdfast"}).engine, "podman");
  EXPECT_EQ(identify_container({}, {.root = "/run/holdfast"}).engine, "");
}

}  // namespace
}  // namespace holdfast
