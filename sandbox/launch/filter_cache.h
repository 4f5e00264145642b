// Compiled seccomp filters, kept by content hash; root-only (or the user's own).
//
//   HF_TRY(FilterCache cache, FilterCache::open(default_cache_root()));
//   HF_TRY(Filter filter, cache.get(source.seccomp));   // compiled by libseccomp when it is not there
//
// An entry is `<key>` with the digest of its instructions in front; one that does not match, is not ours
// or is writable by others is compiled anew. A cache that cannot be written costs time, nothing else.
#pragma once

#include <string>

#include "core/base/fd.h"
#include "profiles/seccomp/filter.h"

namespace holdfast {

class FilterCache {
 public:
  static Result<FilterCache> open(const std::string& root);
  Result<Filter> get(const oci::Seccomp& seccomp, CompileOptions options = {}) const;

 private:
  explicit FilterCache(DirFd root) : root_(std::move(root)) {}
  DirFd root_;
};

// /run/holdfast/.cache for root (beside the default state root), $XDG_RUNTIME_DIR/holdfast/.cache otherwise.
std::string default_cache_root();

}  // namespace holdfast
