#include "profiles/policy/user_namespace.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include "profiles/policy/judge.h"
#include "profiles/policy/resolve.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

using samples::docker_spec;
using samples::facts;
using samples::request;

Policy policy_with(Requirement wanted) {
  Policy policy;
  policy.profile.user_namespace = wanted;
  return policy;
}

// A request for which everything can be mapped.
Request looked_at(const oci::Spec& spec) {
  Request asked = request();
  UserNamespaceFacts found{.problem = {}, .pool = "1000000..1999999 (test)", .root = {}};
  for (const oci::Mount& mount : spec.mounts) found.sources[mount.source] = {};
  asked.user_namespace = found;
  return asked;
}

const Decision& decision(const Plan& plan) {
  static const Decision none;
  for (const Decision& each : plan.decisions)
    if (each.control == "userNamespace") return each;
  ADD_FAILURE() << "nothing is decided";
  return none;
}

Plan resolved(const oci::Spec& spec, const Request& asked,
              const Policy& policy = policy_with(Requirement::kAuto)) {
  auto result = resolve(asked, spec, policy, facts());
  EXPECT_TRUE(result) << result.error().message;
  return result ? std::move(result->plan) : Plan{};
}

bool has_namespace(const Plan& plan) {
  return find_namespace(plan, oci::NamespaceType::kUser) != nullptr;
}

oci::Spec with_volume() {
  oci::Spec spec = docker_spec();
  spec.mounts.push_back({"/data", "bind", "/srv/data", {"rbind"}, {}, {}});
  return spec;
}

TEST(UserNamespace, IsGivenWhereAllCanBeMapped) {
  const oci::Spec spec = with_volume();
  Plan plan = resolved(spec, looked_at(spec));
  ASSERT_TRUE(has_namespace(plan));
  EXPECT_TRUE(plan.rootfs_idmap && plan.rootfs_idmap->recursive);
  for (const MountPlan& mount : plan.mounts) EXPECT_EQ(mount.idmap.has_value(), mount.bind);
  EXPECT_TRUE(needs_id_range(plan));
  EXPECT_EQ(decision(plan).outcome, Outcome::kTightened);
  EXPECT_EQ(decision(plan).rule, "HF-C009");
  assign_id_range(plan, 1245184);
  EXPECT_FALSE(needs_id_range(plan));
  EXPECT_EQ(decision(plan).asked, "host");
  EXPECT_EQ(decision(plan).applied, "0..65535 = 1245184..1310719");
  EXPECT_NE(decision(plan).why.find("1000000..1999999 (test)"), std::string::npos);
  ASSERT_EQ(plan.uid_mappings.size(), 1u);
  EXPECT_EQ(plan.uid_mappings[0].host_id, 1245184u);
  EXPECT_EQ(plan.gid_mappings[0].size, 65536u);
}

TEST(UserNamespace, IsNotGivenUnasked) {
  const oci::Spec spec = with_volume();
  const Plan plan = resolved(spec, looked_at(spec), policy_with(Requirement::kOff));
  EXPECT_FALSE(has_namespace(plan));
  EXPECT_FALSE(plan.rootfs_idmap);
  EXPECT_EQ(decision(plan).outcome, Outcome::kKept);
  Policy warning = policy_with(Requirement::kRequire);
  warning.mode = Mode::kWarn;
  EXPECT_FALSE(has_namespace(resolved(spec, looked_at(spec), warning)));
  Policy excepted = policy_with(Requirement::kRequire);
  excepted.grants.push_back({"userNamespace", "builds", "TICKET-3"});
  EXPECT_FALSE(has_namespace(resolved(spec, looked_at(spec), excepted)));
  EXPECT_FALSE(wants_user_namespace(excepted, spec, facts()));
  EXPECT_TRUE(wants_user_namespace(policy_with(Requirement::kRequire), spec, facts()));
}

// One rung of the ladder: how it comes about, and how it is told.
struct Rung {
  const char* reason;
  void (*stand)(oci::Spec&, UserNamespaceFacts&);
};

void remove(oci::Spec& spec, oci::NamespaceType type) {
  std::erase_if(spec.linux_.namespaces, [type](const auto& each) { return each.type == type; });
}

void join(oci::Spec& spec, oci::NamespaceType type, const char* path) {
  for (oci::Namespace& each : spec.linux_.namespaces)
    if (each.type == type) each.path = path;
}

void join_pod(oci::Spec& spec, UserNamespaceFacts& found, oci::IdMapping map) {
  join(spec, oci::NamespaceType::kNetwork, "/proc/71/ns/net");
  found.pod = "/proc/71/ns/net";
  found.pod_uids = found.pod_gids = {map};
}

const Rung kLadder[] = {
    {"no space left on device",
     [](auto&, auto& found) { found.problem = "no space left on device"; }},
    {"it shares the host's network namespace",
     [](auto& spec, auto&) { remove(spec, oci::NamespaceType::kNetwork); }},
    {"it shares the host's ipc namespace",
     [](auto& spec, auto&) { remove(spec, oci::NamespaceType::kIpc); }},
    {"it shares the host's pid namespace",
     [](auto& spec, auto&) { remove(spec, oci::NamespaceType::kPid); }},
    {"its network namespace was made for it outside of any user namespace",
     [](auto& spec, auto& found) {
       join(spec, oci::NamespaceType::kNetwork, "/run/netns/x");
       found.of_host.insert("/run/netns/x");
     }},
    {"its root: /b/rootfs: overlay cannot be id-mapped",
     [](auto&, auto& found) { found.root = "/b/rootfs: overlay cannot be id-mapped"; }},
    {"/srv/data: nfs cannot be id-mapped",
     [](auto&, auto& found) {
       found.sources["/srv/data"].problem = "/srv/data: nfs cannot be id-mapped";
     }},
    {"/srv/data was not looked at", [](auto&, auto& found) { found.sources.erase("/srv/data"); }},
    {"only the host may mount hugetlbfs on /huge",
     [](auto& spec, auto&) {
       spec.mounts.push_back({"/huge", "hugetlbfs", "none", {}, {}, {}});
     }},
    {"the engine maps the ids of /m itself",
     [](auto& spec, auto& found) {
       spec.mounts.push_back({"/m", "bind", "/srv/m", {"rbind", "idmap"}, {}, {}});
       found.sources["/srv/m"] = {};
     }},
    {"/dev/kvm is a device that only its owner on the host may use",
     [](auto&, auto& found) {
       found.devices["/dev/kvm"] = "/dev/kvm is a device that only its owner on the host may use";
     }},
    {"id 1000650000 lies beyond the 65536",
     [](auto& spec, auto&) { spec.process->user.uid = 1000650000; }},
    {"id 70000 lies beyond the 65536",
     [](auto& spec, auto&) { spec.process->user.additional_gids = {70000}; }},
    {"id 100000 lies beyond the 65536",
     [](auto& spec, auto&) {
       spec.mounts.push_back({"/t", "tmpfs", "tmpfs", {"uid=100000"}, {}, {}});
     }},
    {"its pod's user namespace has the host's root in it",
     [](auto& spec, auto& found) {
       join_pod(spec, found, {0, 0, 4294967295});
     }},
    {"id 0 is none of its pod's user namespace",
     [](auto& spec, auto& found) {
       join_pod(spec, found, {1, 100000, 65536});
     }},
    {"id 1000 is none of its pod's user namespace",
     [](auto& spec, auto& found) {
       join_pod(spec, found, {0, 100000, 1000});
       spec.process->user.gid = 1000;
     }},
    {"its scheduling needs rights over the host",
     [](auto& spec, auto&) { spec.process->io_priority.emplace(); }},
};

TEST(UserNamespace, WhatStandsAgainstItIsToldByAutoAndRefusedByRequire) {
  for (const Rung& rung : kLadder) {
    oci::Spec spec = with_volume();
    Request asked = looked_at(spec);
    rung.stand(spec, *asked.user_namespace);
    const Plan plan = resolved(spec, asked);
    EXPECT_FALSE(has_namespace(plan)) << rung.reason;
    EXPECT_FALSE(plan.rootfs_idmap) << rung.reason;
    const Decision& told = decision(plan);
    EXPECT_EQ(told.outcome, Outcome::kNotPossible) << rung.reason;
    EXPECT_NE(told.why.find(rung.reason), std::string::npos) << told.why;
    EXPECT_NE(told.why.find("use dockerd userns-remap, podman --userns=auto, hostUsers: false"),
              std::string::npos)
        << told.why;
    const auto refused = resolve(asked, spec, policy_with(Requirement::kRequire), facts());
    ASSERT_FALSE(refused) << rung.reason;
    EXPECT_NE(refused.error().message.find("requires userNamespace, but "), std::string::npos);
    EXPECT_NE(refused.error().message.find(one_line(rung.reason)), std::string::npos)
        << refused.error().message;
  }
}

TEST(UserNamespace, AllReasonsAreToldAtOnce) {
  oci::Spec spec = with_volume();
  Request asked = looked_at(spec);
  for (const Rung& rung : {kLadder[5], kLadder[6]}) rung.stand(spec, *asked.user_namespace);
  const Plan plan = resolved(spec, asked);
  EXPECT_NE(decision(plan).why.find("overlay cannot be id-mapped; /srv/data: nfs"),
            std::string::npos)
      << decision(plan).why;
}

TEST(UserNamespace, WithoutALookAtTheHostThereIsNone) {
  const oci::Spec spec = with_volume();
  EXPECT_FALSE(has_namespace(resolved(spec, request())));
  EXPECT_FALSE(resolve(request(), spec, policy_with(Requirement::kRequire), facts()));
}

TEST(UserNamespace, OfThePodIsJoinedAndNeedsNoRangeOfItsOwn) {
  oci::Spec spec = with_volume();
  join(spec, oci::NamespaceType::kNetwork, "/proc/71/ns/net");
  Request asked = looked_at(spec);
  asked.namespace_ids["/proc/71/ns/net"] = "net:[4026533000]";
  asked.user_namespace->pod = "/proc/71/ns/net";
  asked.user_namespace->pod_uids = asked.user_namespace->pod_gids = {{0, 1245184, 65536}};
  const Plan plan = resolved(spec, asked);
  const oci::Namespace* user = find_namespace(plan, oci::NamespaceType::kUser);
  ASSERT_NE(user, nullptr);
  EXPECT_EQ(user->path, "/proc/71/ns/net");
  EXPECT_FALSE(needs_id_range(plan));
  EXPECT_TRUE(plan.rootfs_idmap);
  EXPECT_EQ(decision(plan).applied, "0..65535 = 1245184..1310719");
}

TEST(UserNamespace, KernelFilesStayUnmapped) {
  oci::Spec spec = with_volume();
  spec.mounts.push_back({"/h", "bind", "/sys/fs/cgroup", {"rbind", "ro"}, {}, {}});
  Request asked = looked_at(spec);
  asked.user_namespace->sources["/sys/fs/cgroup"] = {.kernel = true, .problem = {}};
  const Plan plan = resolved(spec, asked);
  ASSERT_TRUE(has_namespace(plan));
  EXPECT_FALSE(plan.mounts.back().idmap);
}

TEST(UserNamespace, GroupsThatMayPingAreThoseThatAreMapped) {
  oci::Spec spec = with_volume();
  spec.linux_.sysctl["net.ipv4.ping_group_range"] = "0 2147483647";
  EXPECT_EQ(resolved(spec, looked_at(spec)).sysctl.at("net.ipv4.ping_group_range"), "0 65535");
  EXPECT_EQ(resolved(spec, looked_at(spec), policy_with(Requirement::kOff))
                .sysctl.at("net.ipv4.ping_group_range"),
            "0 2147483647");
}

TEST(UserNamespace, OfTheEnginesIsKeptUnlessItsRootIsTheHosts) {
  oci::Spec spec = with_volume();
  spec.linux_.namespaces.push_back({oci::NamespaceType::kUser, ""});
  spec.linux_.uid_mappings = spec.linux_.gid_mappings = {{0, 100000, 65536}};
  const Policy require = policy_with(Requirement::kRequire);
  const Plan plan = resolved(spec, request(), require);
  EXPECT_EQ(decision(plan).outcome, Outcome::kKept);
  EXPECT_EQ(plan.uid_mappings[0].host_id, 100000u);
  EXPECT_FALSE(plan.rootfs_idmap);
  spec.linux_.uid_mappings = {{0, 0, 65536}};
  EXPECT_FALSE(resolve(request(), spec, require, facts()));
  EXPECT_EQ(decision(resolved(spec, request())).outcome, Outcome::kNotPossible);
}

TEST(UserNamespace, RootOfItIsNotRootOfTheHost) {
  const oci::Spec spec = with_volume();
  Policy policy = policy_with(Requirement::kAuto);
  deny(policy.profile, "rootUser");
  EXPECT_TRUE(resolve(looked_at(spec), spec, policy, facts()));
  policy.profile.user_namespace = Requirement::kOff;
  EXPECT_FALSE(resolve(looked_at(spec), spec, policy, facts()));
}

}  // namespace
}  // namespace holdfast
