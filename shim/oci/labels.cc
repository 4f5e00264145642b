#include "shim/oci/labels.h"

#include "sandbox/launch/apparmor_loader.h"
#include "sandbox/launch/categories.h"
#include "sandbox/launch/profile_claims.h"
#include "shim/oci/bundle.h"
#include "shim/oci/container.h"

namespace holdfast {
namespace {

// SELinux: a pair of categories that no other container has; an engine's is noted as taken.
Result<> settle_categories(Plan& plan, bool wanted, const StateDir& dir) {
  std::string& label = plan.process.selinux_label;
  if (label.empty() || plan.rootless) return {};
  HF_TRY(const std::string owner, path_of(dir.dir()));
  if (!wanted) {
    const auto pair = categories_of(label);
    return pair.empty() ? Result<>{} : note_categories(owner, pair);
  }
  HF_TRY(const std::string pair, claim_categories(owner));
  label += ":" + pair;
  plan.mount_label += ":" + pair;
  return {};
}

}  // namespace

Result<std::string> take_labels(Plan& plan, const AppArmorProfile& profile, bool wants_categories,
                                const StateDir& dir) {
  HF_DO(settle_categories(plan, wants_categories, dir));
  if (profile.name.empty()) return std::string();
  HF_TRY(const IdHolder holder, id_holder(dir.dir()));
  HF_TRY(const std::string unloading, claim_profile(profile.label, holder));
  if (!unloading.empty()) warn("apparmor: profiles that are not used: " + unloading);
  HF_TRY(const std::string caching, load_apparmor_profile(profile));
  if (!caching.empty()) warn("apparmor cache: " + caching);
  return profile.label;
}

Result<> release_labels(const ContainerState& state, const StateDir& dir) {
  if (state.apparmor.empty()) return {};
  HF_TRY(const IdHolder holder, id_holder(dir.dir()));
  return release_profile(state.apparmor, holder);
}

}  // namespace holdfast
