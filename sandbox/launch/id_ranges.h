// Host ids for containers' user namespaces: 65536 uids, and the gids of the same numbers, each; no
// two containers share a range unless they are one pod.
//
//   HF_TRY(IdPool pool, host_id_pool());                          // which ids there are
//   HF_TRY(IdRanges ranges, IdRanges::open(kIdRangesDirectory));  // who has which
//   HF_TRY(uint32_t first, ranges.claim(pool, holder));           // 1879048192
//   HF_DO(ranges.release(first, holder));
//
// There is no daemon and no counter. A range that is taken is a directory with one symbolic link
// for each container that holds it, to that container's state directory, named by its device and
// inode:
//
//   /run/holdfast/.ids/1879048192/0.44-1093 -> /run/docker/runtime-runc/moby/3f2a…
//
// It is claimed before anything has its ids. A claim whose state directory is gone stands for
// nothing, however its runtime died: whoever needs the range takes it, once no process of the host
// has ids of it any more. All of it happens under one lock (flock on the directory), which ends
// with its holder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/fd.h"

namespace holdfast {

inline constexpr uint32_t kIdRangeSize = 65536;
// One for the whole host, whatever the state roots.
inline constexpr char kIdRangesDirectory[] = "/run/holdfast/.ids";

// Ids that are ours to give.
struct IdPool {
  uint32_t first = 0x70000000;  // 1879048192
  uint32_t count = 0x0ffe0000;  // 4094 ranges
  // Where that is said: "/etc/subuid", "built in".
  std::string source = "built in";

  uint32_t ranges() const { return count / kIdRangeSize; }
  std::string text() const;  // "1879048192..2147352575 (built in)"
};

// What /etc/subuid and /etc/subgid say (subuid(5)) for the name "holdfast": the ids that both give.
// Without an entry in either the built-in pool, which no allocator of systems uses. Pure.
Result<IdPool> id_pool(std::string_view subuid, std::string_view subgid);
// The same of this host's files.
Result<IdPool> host_id_pool();

// Who holds a range: a container's state directory.
struct IdHolder {
  std::string directory;  // absolute
  std::string name;       // of the link: "0.44-1093"
};
Result<IdHolder> id_holder(const DirFd& state_directory);

// Whether the state directory that a claim is of, a link of this name in `claims`, is still there.
Result<bool> is_there(const DirFd& claims, const std::string& name);

// The place of the pool that a container starts to look at. Pure.
uint32_t preferred_range(std::string_view container, uint32_t ranges);

class IdRanges {
 public:
  // Makes the directory 0700; refuses one that others can write to.
  static Result<IdRanges> open(const std::string& directory);
  // Makes nothing: code ENOENT where nothing was ever claimed.
  static Result<IdRanges> look(const std::string& directory);

  // The first id of a free range. All taken: code EDQUOT.
  Result<uint32_t> claim(const IdPool& pool, const IdHolder& holder, std::string_view container);
  // A pod's further container: holds the range together with those that hold it already. One that
  // an engine has given is entered as well: no container of ours gets it then.
  Result<> share(uint32_t first, const IdHolder& holder);
  // What is not held is no error.
  Result<> release(uint32_t first, const IdHolder& holder);
  // First id and holders' directories, for people; those that stand for nothing included.
  struct Held {
    uint32_t first = 0;
    std::vector<std::string> holders;
  };
  Result<std::vector<Held>> held() const;

 private:
  explicit IdRanges(DirFd directory) : directory_(std::move(directory)) {}
  Result<std::vector<uint32_t>> all_taken() const;
  Result<bool> make_free(uint32_t first, const std::vector<uint32_t>& taken);
  Result<> take(uint32_t first, const IdHolder& holder);
  Result<bool> is_held(const std::string& range) const;

  DirFd directory_;
};

}  // namespace holdfast
