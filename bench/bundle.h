// The bundles that the runtimes are compared on: what Docker asks of a runtime for
// `docker run busybox`, with the program of ours.
//
//   HF_TRY(Bundle bundle, make_bundle(host, BundleKind::kSeccomp, {"/bin/true"}, profile));
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/host.h"
#include "core/base/result.h"

namespace holdfast::bench {

enum class BundleKind { kPlain, kSeccomp, kUserns };
inline constexpr BundleKind kAllBundles[] = {BundleKind::kPlain, BundleKind::kSeccomp,
                                             BundleKind::kUserns};
std::string_view bundle_name(BundleKind kind);

// The cgroup below each hierarchy that holds those of all containers.
inline constexpr char kCgroupName[] = "holdfast-bench";

// What a bundle is made of.
struct BundleRequest {
  BundleKind kind = BundleKind::kPlain;
  std::string name;               // of its directory, and of its container's cgroup
  std::vector<std::string> args;  // the program
  std::string seccomp;            // the profile as JSON, for kSeccomp
};

// Makes the bundle below the scratch directory and returns its path.
Result<std::string> make_bundle(const Host& host, const BundleRequest& request);
// Makes the root file system (busybox) that the bundles of this kind share.
Result<> make_rootfs(const Host& host, BundleKind kind);
std::string rootfs_path(const Host& host, BundleKind kind);

}  // namespace holdfast::bench
