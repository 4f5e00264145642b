// Files of the policy: what is taken gives a reason for every exception and extends only what there is; a
// container is chosen for from whatever is taken.
#include "fuzz/check.h"
#include "profiles/policy/lattice.h"
#include "profiles/policy/policy_set.h"

// A policy and a profile, one after the other with a NUL between them.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(text.find('\0'), text.size());
  std::vector<PolicyText> profiles;
  if (cut < text.size())
    profiles.push_back({"/p/profiles/fuzzed.json", std::string(text.substr(cut + 1))});
  const auto set =
      compile_policy({{"/p/policy.d/1.json", std::string(text.substr(0, cut))}}, profiles);
  if (!set) {
    fuzz::check_error(set.error());
    return 0;
  }
  for (const Exception& exception : set->exceptions)
    fuzz::require(!exception.name.empty() && !exception.reason.empty() && !exception.allow.empty(),
                  "an exception has a name, a reason and something to allow", text);
  for (const auto& [name, profile] : set->profiles) {
    const Profile* base = set->find_profile(profile.extends);
    fuzz::require(base && loosenings(profile, *base).empty(), "a profile only narrows", text);
  }
  ContainerIdentity identity;
  identity.engine = "kubernetes";
  identity.pod_namespace = identity.pod = identity.container = identity.image = "a";
  const oci::StringMap annotations{{"a", "b"}};
  const Policy trusted = choose(*set, {identity, annotations, {2026, 1, 1}});
  identity.doubtful = {"engine", "namespace", "pod", "container", "image"};
  const Policy doubtful = choose(*set, {identity, annotations, {2026, 1, 1}});
  fuzz::require(doubtful.grants.size() <= trusted.grants.size(), "doubt gives nothing", text);
  return 0;
}
