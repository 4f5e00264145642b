// Stage 1: joins what the container does not make anew, and clones init into the rest.
#pragma once

#include "sandbox/kernel/rootfs.h"
#include "sandbox/launch/boot.h"
#include "sandbox/launch/channel.h"

namespace holdfast {

struct Stage {
  Boot boot;
  const Channel& channel;
  MountSources sources;  // of a container's first process
  Fd v2_cgroup;          // for CLONE_INTO_CGROUP; invalid where it is not needed
  Fd cgroup_namespace;   // joined by path: init enters it
  int later = 0;         // exec: the namespaces of the container that init itself joins
};

// Runs in the process that spawn_stage() made, on the host's side. Returns in init only, which is in
// all of the container's namespaces but a new cgroup namespace; stage 1 itself reports init's pid
// and exits.
Result<> enter_namespaces(Stage& stage);

// True for the namespaces that the container's init was cloned into by us.
bool makes_namespace(const Plan& plan, oci::NamespaceType type);

}  // namespace holdfast
