// Compiled seccomp filters, kept by content hash; root-only (or the user's own).
//
//   HF_TRY(FilterCache cache, FilterCache::open(default_cache_root()));
//   HF_TRY(Filter filter, cache.get(source.seccomp));   // compiled by libseccomp when it is not
//   there if (!cache.problem().empty()) log(cache.problem());  // it works, but not faster than
//   without
//
// An entry is named by a hash of its key and carries the whole of it; one that is damaged, of another key,
// not ours or writable by others is compiled anew. A cache that cannot be written costs time, nothing
// else.
#pragma once

#include <string>

#include "core/base/fd.h"
#include "profiles/seccomp/filter.h"

namespace holdfast {

struct KeptFilter {
  Filter filter;
  std::string digest;  // sha256 of the instructions, hex
};

class FilterCache {
 public:
  // Makes the directory (0700) if need be. One that cannot be used is a problem(), not an error.
  static Result<FilterCache> open(const std::string& root);
  Result<KeptFilter> get(const oci::Seccomp& seccomp, CompileOptions options = {}) const;

  // Whether the last get() was answered without compiling.
  bool cached() const { return cached_; }
  // Why the cache did not keep or find something that it should have; empty when all is well.
  const std::string& problem() const { return problem_; }

 private:
  explicit FilterCache(DirFd root) : root_(std::move(root)) {}
  void keep(const std::string& name, const std::string& entry) const;

  DirFd root_;  // invalid: no cache
  mutable bool cached_ = false;
  mutable std::string problem_;
};

// /run/holdfast/.cache for root (beside the default state root), $XDG_RUNTIME_DIR/holdfast/.cache
// otherwise, also for the root of a user namespace.
std::string default_cache_root();

}  // namespace holdfast
