#include "sandbox/launch/id_ranges.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

#include "sandbox/kernel/user_namespace.h"

namespace holdfast {
namespace {

constexpr char kName[] = "holdfast";
constexpr size_t kMaxSubids = 1 << 20;
constexpr int kLockAttempts = 2000;  // of 5 ms

// --- the pool ---

struct Span {
  uint64_t first = 0, end = 0;
};

// Lines "holdfast:1245184:655360" of subuid(5). Those of others may be anything.
Result<std::vector<Span>> spans_of(std::string_view text) {
  std::vector<Span> spans;
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.empty() || trim(fields[0]) != kName) continue;
    const auto first = fields.size() == 3 ? parse_number<uint32_t>(trim(fields[1])) : std::nullopt;
    const auto count = fields.size() == 3 ? parse_number<uint32_t>(trim(fields[2])) : std::nullopt;
    if (!first || !count) return error("\"{}\" is not NAME:FIRST:COUNT", trim(line));
    // Ids of the system itself, and (uid_t)-1.
    if (*first < kIdRangeSize) return error("\"{}\" covers ids of the host's own", trim(line));
    if (uint64_t{*first} + *count > UINT32_MAX)
      return error("\"{}\" goes beyond the last id", trim(line));
    spans.push_back({*first, uint64_t{*first} + *count});
  }
  return spans;
}

// The widest that both give.
Span widest_common(const std::vector<Span>& uids, const std::vector<Span>& gids) {
  Span best;
  for (const Span& uid : uids) {
    for (const Span& gid : gids) {
      const Span both{std::max(uid.first, gid.first), std::min(uid.end, gid.end)};
      if (both.first < both.end && both.end - both.first > best.end - best.first) best = both;
    }
  }
  return best;
}

Result<std::string> read_subids(const char* path) {
  auto text = read_file(path, kMaxSubids);
  if (!text && text.error().code == ENOENT) return std::string();
  return text;
}

// --- the claims ---

// Unlocks at the end of a scope.
class Lock {
 public:
  static Result<Lock> take(const DirFd& directory) {
    for (int attempt = 0; ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0; ++attempt) {
      if (errno != EWOULDBLOCK && errno != EINTR) return os_error("lock the id ranges");
      // Held for microseconds: somebody is stopped with it in hand.
      if (attempt == kLockAttempts) return error("another process keeps the id ranges locked");
      const timespec step{.tv_sec = 0, .tv_nsec = attempt == 0 ? 50'000 : 5'000'000};
      ::nanosleep(&step, nullptr);
    }
    return Lock(directory);
  }
  Lock(Lock&& other) noexcept : directory_(std::exchange(other.directory_, nullptr)) {}
  Lock& operator=(Lock&&) = delete;
  ~Lock() {
    if (directory_) ::flock(directory_->get(), LOCK_UN);
  }

 private:
  explicit Lock(const DirFd& directory) : directory_(&directory) {}
  const DirFd* directory_;
};

std::string holder_name(const struct stat& info) {
  return fmt::format("{}.{}-{}", ::major(info.st_dev), ::minor(info.st_dev), info.st_ino);
}

Result<std::string> read_link(const DirFd& directory, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t size = ::readlinkat(directory.get(), name.c_str(), target, sizeof target);
  if (size < 0) return os_error("read {}", name);
  return std::string(target, static_cast<size_t>(size));
}

bool overlaps(const std::vector<oci::IdMapping>& map, uint32_t first) {
  return std::any_of(map.begin(), map.end(), [&](const oci::IdMapping& each) {
    return each.host_id < uint64_t{first} + kIdRangeSize &&
           first < uint64_t{each.host_id} + each.size;
  });
}

// Whether any process of the host is in a user namespace with ids of this range. The initial
// namespace's own map covers all and counts for none.
Result<bool> in_use(uint32_t first) {
  HF_TRY(const DirFd procfs, DirFd::open("/proc"));
  HF_TRY(const auto names, procfs.list());
  for (const std::string& name : names) {
    if (!parse_number<pid_t>(name)) continue;
    const auto text = procfs.read(name + "/uid_map", 64 << 10);
    if (!text) continue;  // it has ended
    const auto map = parse_id_map(*text);
    if (!map) return error("process {}: {}", name, map.error().message);
    if (map->size() == 1 && map->front().size == UINT32_MAX) continue;
    if (overlaps(*map, first)) return true;
  }
  return false;
}

Result<> check_directory(const DirFd& directory, const std::string& path) {
  struct stat info {};
  if (::fstat(directory.get(), &info) != 0) return os_error("stat {}", path);
  if (info.st_uid != ::geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return error("{}: it belongs to another user or is writable by others", path);
  return {};
}

Result<DirFd> open_or_make(const std::string& path) {
  auto there = DirFd::open(path, O_RDONLY | O_NOFOLLOW);
  if (there || there.error().code != ENOENT) return there;
  const std::string parent = path.substr(0, path.rfind('/'));
  for (const std::string& each : {parent, path})
    if (::mkdir(each.c_str(), 0700) != 0 && errno != EEXIST) return os_error("mkdir {}", each);
  return DirFd::open(path, O_RDONLY | O_NOFOLLOW);
}

}  // namespace

Result<bool> is_there(const DirFd& claims, const std::string& name) {
  HF_TRY(const std::string path, read_link(claims, name));
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return true;  // not known is not gone
  }
  return S_ISDIR(info.st_mode) && holder_name(info) == name;
}

std::string IdPool::text() const {
  return fmt::format("{}..{} ({})", first, first + (count - 1), source);
}

Result<IdPool> id_pool(std::string_view subuid, std::string_view subgid) {
  HF_TRY(const auto uids, with_context(spans_of(subuid), "/etc/subuid"));
  HF_TRY(const auto gids, with_context(spans_of(subgid), "/etc/subgid"));
  if (uids.empty() && gids.empty()) return IdPool{};
  const Span both = widest_common(uids, gids);
  if (both.end - both.first < kIdRangeSize)
    return error(
        "/etc/subuid and /etc/subgid give {} no {} ids in common: a container needs the same "
        "range in both",
        kName, kIdRangeSize);
  return IdPool{.first = static_cast<uint32_t>(both.first),
                .count = static_cast<uint32_t>(both.end - both.first),
                .source = "/etc/subuid"};
}

Result<IdPool> host_id_pool() {
  HF_TRY(const std::string subuid, read_subids("/etc/subuid"));
  HF_TRY(const std::string subgid, read_subids("/etc/subgid"));
  return id_pool(subuid, subgid);
}

Result<IdHolder> id_holder(const DirFd& state_directory) {
  struct stat info {};
  if (::fstat(state_directory.get(), &info) != 0) return os_error("stat the state directory");
  const DirFd self(Fd(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC)));
  if (!self) return os_error("open /proc/self/fd");
  HF_TRY(std::string path, read_link(self, fmt::format("{}", state_directory.get())));
  return IdHolder{std::move(path), holder_name(info)};
}

// FNV-1a: spread, and the same for the same container.
uint32_t preferred_range(std::string_view container, uint32_t ranges) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : container) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return ranges == 0 ? 0 : static_cast<uint32_t>((hash ^ (hash >> 32)) % ranges);
}

Result<IdRanges> IdRanges::open(const std::string& directory) {
  HF_TRY(DirFd there, with_context(open_or_make(directory), "id ranges"));
  HF_DO(with_context(check_directory(there, directory), "id ranges"));
  return IdRanges(std::move(there));
}

Result<IdRanges> IdRanges::look(const std::string& directory) {
  HF_TRY(DirFd there, DirFd::open(directory, O_RDONLY | O_NOFOLLOW));
  return IdRanges(std::move(there));
}

Result<uint32_t> IdRanges::claim(const IdPool& pool, const IdHolder& holder,
                                 std::string_view container) {
  HF_TRY(const Lock lock, Lock::take(directory_));
  HF_TRY(const std::vector<uint32_t> taken, all_taken());
  const uint32_t ranges = pool.ranges();
  const uint32_t start = preferred_range(container, ranges);
  for (uint32_t i = 0; i < ranges; ++i) {
    const uint32_t first = pool.first + (start + i) % ranges * kIdRangeSize;
    HF_TRY(const bool free, with_context(make_free(first, taken), "id range {}", first));
    if (!free) continue;
    HF_DO(with_context(take(first, holder), "id range {}", first));
    return first;
  }
  return Failure(Error{
      fmt::format("all {} id ranges of {} are in use: delete containers, or give \"{}\" more ids "
                  "in /etc/subuid and /etc/subgid",
                  ranges, pool.text(), kName),
      EDQUOT});
}

Result<std::vector<uint32_t>> IdRanges::all_taken() const {
  HF_TRY(const auto names, directory_.list());
  std::vector<uint32_t> taken;
  for (const std::string& name : names)
    if (const auto first = parse_number<uint32_t>(name)) taken.push_back(*first);
  return taken;
}

// Clears away claims that stand for nothing. Another pool's ranges may overlap this one's in part.
Result<bool> IdRanges::make_free(uint32_t first, const std::vector<uint32_t>& taken) {
  for (const uint32_t each : taken) {
    if (std::max(each, first) - std::min(each, first) >= kIdRangeSize) continue;
    const std::string name = fmt::format("{}", each);
    HF_TRY(const bool held, is_held(name));
    if (held) return false;
    // Its containers are gone. So must be all that had its ids.
    HF_TRY(const bool used, in_use(each));
    if (used) return false;
    HF_DO(directory_.remove_tree(name));
  }
  return true;
}

Result<> IdRanges::take(uint32_t first, const IdHolder& holder) {
  const std::string name = fmt::format("{}", first);
  HF_DO(directory_.mkdir(name, 0700));
  HF_TRY(const DirFd range, directory_.open_dir(name, O_PATH | O_NOFOLLOW));
  if (::symlinkat(holder.directory.c_str(), range.get(), holder.name.c_str()) != 0)
    return os_error("claim");
  return {};
}

Result<bool> IdRanges::is_held(const std::string& name) const {
  HF_TRY(const DirFd range, directory_.open_dir(name, O_RDONLY | O_NOFOLLOW));
  HF_TRY(const auto holders, range.list());
  for (const std::string& each : holders) {
    HF_TRY(const bool there, is_there(range, each));
    if (there) return true;
  }
  return false;
}

Result<> IdRanges::share(uint32_t first, const IdHolder& holder) {
  HF_TRY(const Lock lock, Lock::take(directory_));
  const std::string name = fmt::format("{}", first);
  if (::mkdirat(directory_.get(), name.c_str(), 0700) != 0 && errno != EEXIST)
    return os_error("share id range {}", first);
  HF_TRY(const DirFd range, directory_.open_dir(name, O_PATH | O_NOFOLLOW));
  if (::symlinkat(holder.directory.c_str(), range.get(), holder.name.c_str()) != 0 &&
      errno != EEXIST)
    return os_error("share id range {}", first);
  return {};
}

Result<> IdRanges::release(uint32_t first, const IdHolder& holder) {
  HF_TRY(const Lock lock, Lock::take(directory_));
  const std::string name = fmt::format("{}", first);
  auto range = directory_.open_dir(name, O_PATH | O_NOFOLLOW);
  if (!range && range.error().code == ENOENT) return {};
  if (!range) return Failure(std::move(range).error());
  HF_DO(with_context(range->unlink(holder.name), "id range {}", first));
  // Others of its pod may hold it still.
  auto gone = directory_.rmdir(name);
  if (!gone && gone.error().code != ENOTEMPTY && gone.error().code != EEXIST) return gone;
  return {};
}

Result<std::vector<IdRanges::Held>> IdRanges::held() const {
  std::vector<Held> all;
  HF_TRY(const auto names, directory_.list());
  for (const std::string& name : names) {
    const auto first = parse_number<uint32_t>(name);
    if (!first) continue;
    const auto range = directory_.open_dir(name, O_RDONLY | O_NOFOLLOW);
    if (!range) continue;  // released meanwhile
    Held held{.first = *first, .holders = {}};
    HF_TRY(const auto holders, range->list());
    for (const std::string& each : holders)
      if (auto path = read_link(*range, each)) held.holders.push_back(std::move(*path));
    all.push_back(std::move(held));
  }
  return all;
}

}  // namespace holdfast
