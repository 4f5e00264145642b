// The AppArmor profile of a container, made of its plan. Pure: text for apparmor_parser(8).
//
//   const AppArmorProfile ours = apparmor_profile(plan, {.stacked = true});
//   ours.label == ":holdfast:holdfast-1f0c8a3e92d4…"      // what attr/exec takes, after "docker-default//&"
//
// It says again, in another part of the kernel, what the plan says in mounts, masks and capability sets: a
// container that gets round one of them meets the other. The same plan gives the same text, and the name
// is a digest of the text, so a profile is compiled and loaded once for all containers that are alike.
//
// A profile that is stacked on an engine's stands in the policy namespace "holdfast". An engine's profile
// allows signals and ptrace among processes of its own name only ("signal peer=docker-default"), and a
// stacked profile of its own namespace would count as a foreign peer: no process of the container
// could signal another. What stands in another namespace is not seen by those rules (docs/adr/0140).
#pragma once

#include <string>

#include "core/plan/plan.h"

namespace holdfast {

struct AppArmorProfile {
  std::string name;   // "holdfast-1f0c8a3e92d4…"; empty: none
  std::string label;  // ":holdfast:holdfast-1f0c8a3e92d4…", or the name where it stands alone
  std::string text;
};

struct AppArmorTraits {
  bool stacked = false;  // on an engine's profile
  bool nested =
      false;  // containers in it: mounts, and every capability in user namespaces of its own
};

AppArmorProfile apparmor_profile(const Plan& plan, AppArmorTraits traits);

}  // namespace holdfast
