#include "sandbox/launch/profile_claims.h"

#include <unistd.h>

#include <set>

#include "sandbox/kernel/apparmor.h"
#include "sandbox/kernel/process.h"
#include "sandbox/launch/cache_directory.h"

namespace holdfast {
namespace {

Result<> enter(const DirFd& claims, const std::string& label, const IdHolder& holder) {
  if (::mkdirat(claims.get(), label.c_str(), 0700) != 0 && errno != EEXIST)
    return os_error("mkdir {}", label);
  HF_TRY(const DirFd profile, claims.open_dir(label, O_RDONLY | O_NOFOLLOW));
  if (::symlinkat(holder.directory.c_str(), profile.get(), holder.name.c_str()) != 0 &&
      errno != EEXIST)
    return os_error("claim {}", label);
  return {};
}

// Whether any container has it; forgets those that have gone.
Result<bool> is_had(const DirFd& claims, const std::string& label) {
  HF_TRY(const DirFd profile, claims.open_dir(label, O_RDONLY | O_NOFOLLOW));
  HF_TRY(const auto holders, profile.list());
  bool had = false;
  for (const std::string& holder : holders) {
    HF_TRY(const bool there, is_there(profile, holder));
    had |= there;
    if (!there) HF_DO(profile.unlink(holder));
  }
  return had;
}

Result<> take_out(const DirFd& claims, const std::string& label) {
  HF_TRY(const bool loaded, apparmor_profile_loaded(label));
  if (loaded) HF_DO(unload_apparmor_profile(label));
  return claims.rmdir(label);
}

// Takes those out that nobody has, if there are more than `kept`.
Result<> collect(const DirFd& claims, size_t kept) {
  HF_TRY(const auto labels, claims.list());
  if (labels.size() <= kept) return {};
  std::set<std::string> unused;
  for (const std::string& label : labels) {
    HF_TRY(const bool had, is_had(claims, label));
    if (!had) unused.insert(label);
  }
  if (unused.empty()) return {};
  // A process may outlive its container's directory, or have one that is not seen from here.
  HF_TRY(const auto running, apparmor_profiles_in_use(unused));
  for (const std::string& label : unused)
    if (!running.contains(label)) HF_DO(take_out(claims, label));
  return {};
}

}  // namespace

Result<std::string> claim_profile(const std::string& label, const IdHolder& holder,
                                  const std::string& directory, size_t kept) {
  HF_TRY(const DirFd claims, with_context(open_locked(directory), "apparmor profiles"));
  HF_DO(with_context(enter(claims, label, holder), "apparmor profiles"));
  const auto collected = collect(claims, kept);
  return collected ? std::string() : collected.error().message;
}

Result<> release_profile(const std::string& label, const IdHolder& holder,
                         const std::string& directory) {
  auto profile = DirFd::open(directory + "/" + label, O_RDONLY | O_NOFOLLOW);
  if (!profile && profile.error().code == ENOENT) return {};
  if (!profile) return Failure(std::move(profile).error());
  return with_context(profile->unlink(holder.name), "apparmor profile {}", label);
}

}  // namespace holdfast
