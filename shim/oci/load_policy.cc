#include "shim/oci/load_policy.h"

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "profiles/policy/identity.h"
#include "shim/oci/policy_directory.h"

namespace holdfast {
namespace {

constexpr char kDirectory[] = "/etc/holdfast";

// The uid that root's files have as we see them: the overflow uid where root is not mapped.
uid_t node_owner(const HostFacts& facts) {
  struct stat etc {};
  if (!facts.in_user_namespace || ::stat("/etc", &etc) != 0) return 0;
  return etc.st_uid;
}

// The uid as the host counts it, as far as the namespaces between tell.
uint32_t caller(const HostFacts& facts) {
  if (!facts.in_user_namespace) return facts.euid;
  const auto map = read_file("/proc/self/uid_map", 4096);
  if (!map) return facts.euid;
  unsigned long inside = 0, outside = 0, count = 0;
  for (const std::string_view line : split(*map, '\n'))
    if (std::sscanf(std::string(line).c_str(), "%lu %lu %lu", &inside, &outside, &count) == 3 &&
        facts.euid >= inside && facts.euid - inside < count)
      return static_cast<uint32_t>(outside + facts.euid - inside);
  return facts.euid;
}

std::string user_directory() {
  const char* config = ::getenv("XDG_CONFIG_HOME");
  if (config && *config == '/') return std::string(config) + "/holdfast";
  const char* home = ::getenv("HOME");
  return home && *home == '/' ? std::string(home) + "/.config/holdfast" : "";
}

}  // namespace

Result<PolicySet> load_policy_from(const std::string& directory, uid_t owner) {
  HF_TRY(const PolicyTexts texts, with_context(read_policy_directory(directory, owner), "policy"));
  if (texts.policies.empty() && texts.profiles.empty()) return PolicySet{};
  return with_context(compile_policy(texts.policies, texts.profiles), "policy");
}

Result<PolicySets> load_policy_sets(const HostFacts& facts) {
  PolicySets sets;
  HF_TRY(sets.node, load_policy_from(kDirectory, node_owner(facts)));
  if (facts.euid == 0 && !facts.in_user_namespace) return sets;
  const std::string directory = user_directory();
  if (directory.empty()) return sets;
  HF_TRY(sets.user, load_policy_from(directory, facts.euid));
  return sets;
}

PolicyFor subject_of(const oci::Spec& spec, const HostFacts& facts, std::string_view root) {
  const bool trusted = facts.euid == 0 && !facts.in_user_namespace;
  const CallEvidence call{.root = root, .user = caller(facts), .trusted = trusted};
  return {identify_container(spec, call), spec.annotations};
}

PolicyFor subject_of(const Plan& plan) { return {plan.identity, plan.annotations}; }

Policy choose_policy(const PolicySets& sets, const PolicyFor& whom) {
  const Subject subject{whom.identity, whom.annotations, date_of(wall_clock().tv_sec)};
  Policy node = choose(sets.node, subject);
  // No file of the user's asks for nothing.
  return sets.user.empty() ? node : tighten(node, choose(sets.user, subject));
}

Result<Policy> load_policy(const HostFacts& facts, const PolicyFor& whom) {
  HF_TRY(const PolicySets sets, load_policy_sets(facts));
  return choose_policy(sets, whom);
}

}  // namespace holdfast
