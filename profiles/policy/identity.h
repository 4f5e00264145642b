// Who a container is, from what its engine wrote. Pure.
//
//   ContainerIdentity id = identify_container(spec, {.root = "/run/containerd/runc/k8s.io", .id = "3f…"});
//   id.engine == "kubernetes"; id.pod_namespace == "kube-system"; id.doubtful.empty()
//
// What can be relied on, and why:
//
//   containerd   calls with --root DIR/NAMESPACE; its namespaces are not the users' to choose, so that
//                k8s.io is the kubelet's and moby is Docker's. Its CRI plugin writes io.kubernetes.cri.*
//                after the pod's annotations: a pod cannot replace them. In any other namespace a user
//                may have written them (docker run --annotation), so there they are none.
//   CRI-O        writes io.kubernetes.cri-o.* before the pod's annotations in the sandbox: there, and
//                where it is not sure that this is no sandbox, all of it is doubtful. A container that the
//                kubelet made is known by its mounts from the pod's directory, which no annotation makes.
//   podman       says io.container.manager=libpod and nothing else of use.
//   not root     whoever may call holdfast without root's power can write what he likes: all is doubtful.
#pragma once

#include <string>
#include <string_view>

#include "core/oci/spec.h"
#include "core/plan/plan.h"

namespace holdfast {

// What is not in the spec.
struct CallEvidence {
  std::string_view root;  // where the state is kept, as the engine says (--root)
  uint32_t user = 0;      // who calls: the real uid as the host counts it
  bool trusted = true;    // root, and not in a user namespace
};

ContainerIdentity identify_container(const oci::Spec& spec, const CallEvidence& call);

}  // namespace holdfast
